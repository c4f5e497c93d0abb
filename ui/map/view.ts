// The canvas: one frame at a time, and only when something has changed.

import type { Quadtree } from "d3-quadtree";
import { quadtree } from "d3-quadtree";
import { Camera } from "./camera";
import { context2d } from "./dom";
import type { Hall } from "./hall";
import { labels } from "./labels";
import { gap, inside } from "./outline";
import { grown, Painter, RADIUS, SEATS_FROM } from "./paint";
import type { Box } from "./plan";
import { overlap, pitchAt } from "./plan";
import { tick } from "./shapes";
import type { Stage } from "./stage";
import type { Theme } from "./theme";
import { css, mix, readTheme } from "./theme";
import type { Placement } from "./tiles";
import { Tiles } from "./tiles";
import type { Voice } from "./words";

const FADE = 220; // ms in which a seat goes or comes: with the way here, under half a second
const REST = 90; // ms without a change of scale after which tiles are painted sharp
const TILES_MOVING = 2; // tiles painted in a frame while the plan moves
const TILES_STILL = 3; // and while it does not
const TOUCHABLE = matchMedia("(pointer: coarse)").matches ? 17 : 11; // CSS pixels from seat to seat from which a tap means a seat
const SLACK = 5; // CSS pixels by which one may miss a section

/** What is under a point. */
export type Hit = { seat: number } | { section: number } | null;

export class View {
  readonly camera: Camera;
  hover: Hit = null;
  focus = -1; // the seat that the keyboard is at
  private ctx: CanvasRenderingContext2D;
  private painter: Painter;
  private tiles: Tiles;
  private theme: Theme;
  private dpr = 1;
  private queued = 0;
  private painted = false;
  private scaled = 0; // when the scale changed last, ms
  private lastK = 0;
  private last: Placement | null = null;
  private fades: { seat: number; start: number; taken: boolean }[] = [];
  private trees: (Quadtree<number> | undefined)[] = [];
  private depths: number[] = []; // by section, as painted
  private motion = matchMedia("(prefers-reduced-motion: reduce)");

  constructor(
    readonly canvas: HTMLCanvasElement,
    readonly hall: Hall,
    readonly stage: Stage | null,
    private voice: Voice,
  ) {
    const m = hall.model;
    this.ctx = context2d(canvas, { alpha: true });
    this.theme = readTheme(around(canvas));
    this.dpr = ratio();
    this.painter = new Painter(hall, this.theme, stage, this.dpr);
    const pitch = Math.min(...m.sections.filter((s) => !s.standing).map((s) => s.pitch), 60);
    this.camera = new Camera(
      canvas,
      this.everything(),
      pitch,
      () => this.redraw(),
      (x, y) => !this.precise(x, y),
    );
    this.tiles = new Tiles(this.painter, 1);
    this.tiles.calm = this.motion.matches;
    hall.on((c) => {
      if (c.kind === "seats") this.changed(c.taken, c.freed, c.all);
      if (c.kind === "filter") this.tiles.spoil();
      this.redraw();
    });
  }

  private everything(): Box {
    const box: Box = [...this.hall.model.box];
    const s = this.stage;
    if (s) {
      box[1] = Math.min(box[1], s.y - s.height / 2);
      box[3] = Math.max(box[3], s.y + s.height / 2);
    }
    return box;
  }

  /** Takes the size of the canvas from the page. */
  resize(): void {
    const { clientWidth: w, clientHeight: h } = this.canvas;
    if (w === 0 || h === 0) return;
    const dpr = ratio();
    if (dpr !== this.dpr) {
      this.dpr = dpr;
      this.restyle();
    }
    this.canvas.width = Math.round(w * dpr);
    this.canvas.height = Math.round(h * dpr);
    this.camera.resize(w, h);
    this.redraw();
  }

  /** Reads the colours again. */
  restyle(): void {
    this.theme = readTheme(around(this.canvas));
    this.painter = new Painter(this.hall, this.theme, this.stage, this.dpr);
    this.tiles.restart(this.painter);
    this.redraw();
  }

  private changed(taken: number[], freed: number[], all: boolean): void {
    const m = this.hall.model;
    if (all) this.tiles.spoil();
    const still = all || this.motion.matches;
    const start = performance.now();
    m.sections.forEach((section, i) => {
      const depth = this.painter.depth(i);
      if (depth !== this.depths[i] && !all && !this.painter.seated(section, this.tiles.k))
        this.tiles.spoil(section.box);
      this.depths[i] = depth;
    });
    for (const [list, gone] of [
      [taken, true],
      [freed, false],
    ] as const) {
      for (const s of list) {
        const section = m.sections[m.section[s]];
        const seated = this.painter.seated(section, this.tiles.k);
        if (seated && !all) this.tiles.spoil(grown([m.x[s], m.y[s], m.x[s], m.y[s]], section.pitch));
        if (!still && seated) this.fades.push({ seat: s, start, taken: gone });
      }
    }
  }

  redraw(): void {
    if (this.queued === 0) this.queued = requestAnimationFrame(() => this.frame());
  }

  private frame(): void {
    this.queued = 0;
    const { ctx, camera } = this;
    const now = performance.now();
    const { at, width, height } = camera;
    if (at.k !== this.lastK) [this.lastK, this.scaled] = [at.k, now];
    const moving = at !== this.last;
    this.last = at;
    const off = at.k / this.tiles.k;
    const resting = now - this.scaled > REST && !camera.flying;
    if (off !== 1 && (resting || off > 1.9 || off < 0.52)) this.tiles.rescale(at.k);
    ctx.setTransform(this.dpr, 0, 0, this.dpr, 0, 0);
    ctx.clearRect(0, 0, width, height);
    let more = this.tiles.draw(ctx, at, width, height, moving ? TILES_MOVING : TILES_STILL);
    more = this.drawFades(now) || more;
    this.drawHover();
    // Names come with the second frame: the first one is long enough.
    if (this.painted) labels(ctx, this.hall, this.painter, this.theme, this.voice, camera, this.stage);
    this.drawOwn();
    if (more || this.tiles.k !== at.k) this.redraw();
    if (this.painted) return;
    this.painted = true;
    this.redraw();
    performance.mark("seatmap-painted"); // for whoever measures
  }

  /** Seats that have just gone or come: their old look fades over the new one. */
  private drawFades(now: number): boolean {
    const { ctx, hall } = this;
    const m = hall.model;
    this.fades = this.fades.filter((f) => now - f.start < FADE);
    for (const f of this.fades) {
      const [x, y] = this.camera.screen(m.x[f.seat], m.y[f.seat]);
      if (x < -20 || y < -20 || x > this.camera.width + 20 || y > this.camera.height + 20) continue;
      const r = this.radius(f.seat);
      const share = (now - f.start) / FADE;
      const s = f.taken
        ? this.painter.sprites.free(m.tier[f.seat], r * this.dpr)
        : this.painter.sprites.taken(r * this.dpr);
      const half = s.half / this.dpr;
      ctx.globalAlpha = 1 - share * share;
      ctx.drawImage(s.image, x - half, y - half, 2 * half, 2 * half);
    }
    ctx.globalAlpha = 1;
    return this.fades.length > 0;
  }

  private drawHover(): void {
    const { ctx, hover, camera, theme } = this;
    if (hover && "section" in hover) {
      const path = this.painter.outline(hover.section);
      ctx.save();
      ctx.translate(camera.at.x, camera.at.y);
      ctx.scale(camera.at.k, camera.at.k);
      ctx.lineJoin = "round";
      ctx.fillStyle = ctx.strokeStyle = css(theme.ink);
      ctx.lineWidth = 1.5 / camera.at.k;
      ctx.globalAlpha = 0.08;
      ctx.fill(path);
      ctx.globalAlpha = 0.7;
      ctx.stroke(path);
      ctx.restore();
    } else if (hover && "seat" in hover) this.ring(hover.seat, 2, css(theme.ink), 1.5);
  }

  /** Chosen seats, seats held by the reader, and the keyboard's place. */
  private drawOwn(): void {
    const { hall, theme } = this;
    for (const s of hall.mine) this.pin(s, css(theme.accent), css(mix(theme.paper, theme.accent, 0.3)));
    for (const s of hall.chosen) this.pin(s, css(theme.ink), css(theme.accent));
    if (this.focus >= 0 && this.canvas.matches(":focus-visible")) {
      this.ring(this.focus, 6, css(theme.paper), 4.5);
      this.ring(this.focus, 6, css(theme.accent), 2.5);
    }
  }

  private radius(seat: number): number {
    return pitchAt(this.hall.model, seat) * RADIUS * this.camera.at.k;
  }

  private pin(seat: number, fill: string, edge: string): void {
    const { ctx, theme } = this;
    const m = this.hall.model;
    const [x, y] = this.camera.screen(m.x[seat], m.y[seat]);
    const r = Math.max(5, this.radius(seat) * 1.12);
    for (const [grow, colour] of [
      [4, css(theme.paper)],
      [2.5, edge],
      [0, fill],
    ] as const) {
      ctx.fillStyle = colour;
      ctx.beginPath();
      ctx.arc(x, y, r + grow * Math.min(1, r / 8), 0, 7);
      ctx.fill();
    }
    ctx.strokeStyle = css(theme.paper);
    tick(ctx, x, y, r);
  }

  private ring(seat: number, away: number, colour: string, width: number): void {
    const { ctx } = this;
    const m = this.hall.model;
    const [x, y] = this.camera.screen(m.x[seat], m.y[seat]);
    ctx.strokeStyle = colour;
    ctx.lineWidth = width;
    ctx.beginPath();
    ctx.arc(x, y, Math.max(4, this.radius(seat)) + away, 0, 7);
    ctx.stroke();
  }

  /** Whether seats at a point are large enough to tap one. */
  private precise(x: number, y: number): boolean {
    const hit = this.hit(x, y);
    return hit !== null && "seat" in hit;
  }

  /** What is at a point of the canvas: a seat when they are large enough, else a section. */
  hit(x: number, y: number): Hit {
    const m = this.hall.model;
    const [px, py] = this.camera.plan(x, y);
    const { k } = this.camera.at;
    const around: Box = grown([px, py, px, py], SLACK / k);
    let at: Hit = null;
    for (let i = 0; i < m.sections.length; i++) {
      const s = m.sections[i];
      if (!overlap(s.box, around)) continue;
      if (!s.standing && s.pitch * k >= TOUCHABLE) {
        const seat = this.tree(i).find(px, py, Math.max(s.pitch * 0.75, 9 / k));
        if (seat !== undefined) return { seat };
      }
      const p = { x: px, y: py };
      if (inside(s.outline, p) || gap(s.outline, p) <= s.pad + SLACK / k) at = { section: i };
    }
    return at;
  }

  /** The seats of a section by place; made when it is first pointed at. */
  private tree(section: number): Quadtree<number> {
    const m = this.hall.model;
    const { first, count } = m.sections[section];
    this.trees[section] ??= quadtree<number>()
      .x((s) => m.x[s])
      .y((s) => m.y[s])
      .addAll(Array.from({ length: count }, (_, i) => first + i));
    return this.trees[section];
  }

  /** Brings a seat into view, large enough to be tapped. */
  reveal(seats: number[], always = false): void {
    const m = this.hall.model;
    if (seats.length === 0) return;
    const pitch = m.sections[m.section[seats[0]]].pitch;
    const box = seats.reduce<Box>(
      (b, s) => [Math.min(b[0], m.x[s]), Math.min(b[1], m.y[s]), Math.max(b[2], m.x[s]), Math.max(b[3], m.y[s])],
      [Infinity, Infinity, -Infinity, -Infinity],
    );
    const [x0, y0] = this.camera.screen(box[0], box[1]);
    const [x1, y1] = this.camera.screen(box[2], box[3]);
    const edge = 40;
    const seen = x0 > edge && y0 > edge && x1 < this.camera.width - edge && y1 < this.camera.height - edge;
    if (seen && pitch * this.camera.at.k >= TOUCHABLE && !always) return;
    const fit = Math.min(
      (this.camera.width - 120) / Math.max(box[2] - box[0], 1),
      (this.camera.height - 120) / Math.max(box[3] - box[1], 1),
    );
    this.camera.show(box, Math.min(fit, Math.max(this.camera.at.k, 20 / pitch)));
  }

  /** Goes to a section so that its seats can be seen and tapped. */
  enter(section: number): void {
    const s = this.hall.model.sections[section];
    const fit = Math.min(
      (this.camera.width - 40) / (s.box[2] - s.box[0]),
      (this.camera.height - 40) / (s.box[3] - s.box[1]),
    );
    this.camera.show(s.box, s.standing ? fit : Math.max(fit, (TOUCHABLE * 1.25) / s.pitch, SEATS_FROM / s.pitch));
  }
}

/** The element that the canvas lies in: themes set their colours there. */
function around(canvas: HTMLCanvasElement): HTMLElement {
  if (!canvas.parentElement) throw new Error("the canvas is not in the page");
  return canvas.parentElement;
}

/** Device pixels a CSS pixel; more than two are not worth their memory. */
function ratio(): number {
  return Math.min(2, window.devicePixelRatio || 1);
}
