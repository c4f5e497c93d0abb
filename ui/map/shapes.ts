// What seats look like: each price has a colour and a shape of its own, so that
// they are told apart without colours; areas have patterns instead.

import { context2d } from "./dom";
import type { RGB, Theme } from "./theme";
import { css, PALETTE } from "./theme";

type Draw = CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D;

export type Bitmap = HTMLCanvasElement | ImageBitmap;

/** The colour and the shape of a tier; after eight the pairs shift. */
export function lookOf(tier: number): { colour: number; shape: number } {
  return { colour: tier % PALETTE, shape: (tier + Math.floor(tier / PALETTE)) % PALETTE };
}

/** Adds a seat's shape, about r wide to each side, to the path. */
export function trace(c: Draw, shape: number, x: number, y: number, r: number): void {
  switch (shape) {
    case 1: // square
      box(c, x, y, r * 0.9, r * 0.38);
      break;
    case 2: // diamond
      polygon(c, x, y, r * 1.16, 4, 0);
      break;
    case 3: // ring
      c.arc(x, y, r, 0, 7);
      c.closePath();
      c.moveTo(x + r * 0.42, y);
      c.arc(x, y, r * 0.42, 0, -7, true);
      break;
    case 4: // triangle
      polygon(c, x, y + r * 0.16, r * 1.2, 3, -Math.PI / 2);
      break;
    case 5: // hexagon
      polygon(c, x, y, r * 1.08, 6, 0);
      break;
    case 6: // square with a hole
      box(c, x, y, r * 0.9, r * 0.3);
      c.moveTo(x - r * 0.34, y - r * 0.34);
      c.lineTo(x - r * 0.34, y + r * 0.34);
      c.lineTo(x + r * 0.34, y + r * 0.34);
      c.lineTo(x + r * 0.34, y - r * 0.34);
      c.closePath();
      break;
    case 7: // cross
      c.rect(x - r, y - r * 0.42, 2 * r, r * 0.84);
      c.rect(x - r * 0.42, y - r, r * 0.84, 2 * r);
      break;
    default:
      c.moveTo(x + r, y);
      c.arc(x, y, r, 0, 7);
  }
}

function box(c: Draw, x: number, y: number, r: number, round: number): void {
  c.moveTo(x - r + round, y - r);
  c.arcTo(x + r, y - r, x + r, y + r, round);
  c.arcTo(x + r, y + r, x - r, y + r, round);
  c.arcTo(x - r, y + r, x - r, y - r, round);
  c.arcTo(x - r, y - r, x + r, y - r, round);
  c.closePath();
}

function polygon(c: Draw, x: number, y: number, r: number, corners: number, turn: number): void {
  for (let i = 0; i < corners; i++) {
    const a = turn + (i * 2 * Math.PI) / corners;
    if (i === 0) c.moveTo(x + r * Math.cos(a), y + r * Math.sin(a));
    else c.lineTo(x + r * Math.cos(a), y + r * Math.sin(a));
  }
  c.closePath();
}

/** The mark of a wheelchair place: a person over an open wheel. */
export function wheelchair(c: Draw, x: number, y: number, r: number): void {
  c.lineWidth = Math.max(1, r * 0.17);
  c.lineCap = c.lineJoin = "round";
  c.beginPath();
  c.arc(x - r * 0.02, y + r * 0.22, r * 0.36, Math.PI * 1.25, Math.PI * 0.28, true);
  c.moveTo(x - r * 0.06, y - r * 0.28);
  c.lineTo(x - r * 0.02, y + r * 0.14);
  c.lineTo(x + r * 0.26, y + r * 0.14);
  c.lineTo(x + r * 0.42, y + r * 0.46);
  c.stroke();
  c.beginPath();
  c.arc(x - r * 0.08, y - r * 0.52, r * 0.14, 0, 7);
  c.fill();
}

/** The mark of a seat with a restricted view: an eye, struck through. */
export function struckEye(c: Draw, x: number, y: number, r: number): void {
  c.lineWidth = Math.max(1, r * 0.15);
  c.lineCap = "round";
  c.beginPath();
  c.moveTo(x - r * 0.52, y);
  c.quadraticCurveTo(x, y - r * 0.56, x + r * 0.52, y);
  c.quadraticCurveTo(x, y + r * 0.56, x - r * 0.52, y);
  c.moveTo(x - r * 0.42, y + r * 0.46);
  c.lineTo(x + r * 0.42, y - r * 0.46);
  c.stroke();
}

/** The mark of a chosen seat. */
export function tick(c: Draw, x: number, y: number, r: number): void {
  c.lineWidth = Math.max(1.4, r * 0.24);
  c.lineCap = c.lineJoin = "round";
  c.beginPath();
  c.moveTo(x - r * 0.42, y + r * 0.04);
  c.lineTo(x - r * 0.1, y + r * 0.36);
  c.lineTo(x + r * 0.44, y - r * 0.32);
  c.stroke();
}

/** Seats drawn once for each look and size, and copied. */
export class Sprites {
  private made = new Map<string, { image: Bitmap; half: number }>();

  constructor(private theme: Theme) {}

  /** A free seat of a tier; r in pixels. */
  free(tier: number, r: number): { image: Bitmap; half: number } {
    const { colour, shape } = lookOf(tier);
    return this.make(`${tier}`, r, (c, at, r) => {
      c.fillStyle = css(this.theme.tiers[colour]);
      c.beginPath();
      trace(c, shape, at, at, r);
      c.fill();
    });
  }

  /** A seat that somebody has. */
  taken(r: number): { image: Bitmap; half: number } {
    return this.make("x", r, (c, at, r) => {
      c.fillStyle = css(this.theme.taken);
      c.beginPath();
      c.arc(at, at, r * 0.5, 0, 7);
      c.fill();
    });
  }

  private make(
    key: string,
    r: number,
    draw: (c: Draw, at: number, r: number) => void,
  ): { image: Bitmap; half: number } {
    const size = Math.max(0.5, Math.round(r * 4) / 4);
    const name = `${key}/${size}`;
    let sprite = this.made.get(name);
    if (!sprite) {
      const half = Math.ceil(size * 1.25) + 1;
      sprite = { image: bitmap(2 * half, 2 * half, (c) => draw(c, half, size)), half };
      this.made.set(name, sprite);
    }
    return sprite;
  }
}

/** A small picture; as an ImageBitmap where that can be made, since it is copied faster. */
function bitmap(w: number, h: number, draw: (c: Draw) => void): Bitmap {
  if (typeof OffscreenCanvas === "function") {
    const off = new OffscreenCanvas(w, h);
    const c = off.getContext("2d");
    if (c) {
      draw(c);
      return off.transferToImageBitmap();
    }
  }
  const canvas = document.createElement("canvas");
  canvas.width = w;
  canvas.height = h;
  draw(context2d(canvas));
  return canvas;
}

/** The pattern of a tier's areas: 8 by 8 pixels (times dpr), strokes in one colour. */
export function hatch(shape: number, colour: RGB, dpr: number): HTMLCanvasElement {
  const size = Math.round(8 * dpr);
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = size;
  const c = context2d(canvas);
  c.strokeStyle = c.fillStyle = css(colour);
  c.lineWidth = dpr;
  c.scale(size / 8, size / 8);
  c.lineWidth = 1;
  c.beginPath();
  const diagonal = (up: boolean): void => {
    for (const d of [-8, 0, 8]) {
      c.moveTo(d - 1, up ? 9 : -1);
      c.lineTo(d + 9, up ? -1 : 9);
    }
  };
  if (shape === 1 || shape === 6) diagonal(true);
  if (shape === 4 || shape === 6) diagonal(false);
  if (shape === 3 || shape === 7) c.rect(-1, 3.5, 10, 0.01);
  if (shape === 5 || shape === 7) c.rect(3.5, -1, 0.01, 10);
  c.stroke();
  if (shape === 2) {
    c.beginPath();
    c.arc(2, 2, 1, 0, 7);
    c.arc(6, 6, 1, 0, 7);
    c.fill();
  }
  return canvas;
}
