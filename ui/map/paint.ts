// Paints a piece of the plan at one scale: areas from afar, seats from near.
import { context2d } from "./dom";
import type { Hall } from "./hall";
import type { Point } from "./outline";
import { widened } from "./outline";
import type { Box, Model, Section, Shape } from "./plan";
import { ACCESSIBLE, beyond, overlap, RESTRICTED } from "./plan";
import { hatch, lookOf, Sprites, struckEye, wheelchair } from "./shapes";
import type { Stage } from "./stage";
import type { RGB, Theme } from "./theme";
import { contrast, css, mix, parse, readable } from "./theme";
import { NONE } from "./tiers";

/** Seats are drawn one by one when neighbours are so many CSS pixels apart. */
export const SEATS_FROM = 4.5;
/** Row names and marks, when so many. */
const DETAILS_FROM = 13;
/** Numbers in the seats, when so many. */
const NUMBERS_FROM = 24;
/** A seat's radius, in distances of seats. */
export const RADIUS = 0.4;
/** Shapes that nothing can be written on. */
// Names of rows: how near they are to the last seat, how small they can be, and
// how far they may reach; px.
const BESIDE = 6;
const SMALLEST_NAME = 7;
const LONGEST_NAME = 90;
const HOLED = new Set([3, 6]);
const DIM = 0.16; // what the price filter leaves of the others

export class Painter {
  readonly sprites: Sprites;
  private outlines: Path2D[];
  private patterns = new Map<number, CanvasPattern>();

  constructor(
    readonly hall: Hall,
    readonly theme: Theme,
    readonly stage: Stage | null,
    readonly dpr: number,
  ) {
    this.sprites = new Sprites(theme);
    this.outlines = hall.model.sections.map((s) => {
      return rounded(widened(s.outline, s.pad), s.pad);
    });
  }

  /** Whether a section shows its seats at k CSS pixels a unit. */
  seated(s: Section, k: number): boolean {
    return !s.standing && s.pitch * k >= SEATS_FROM;
  }

  /** The ground of a section from afar: the colour of its lowest price, deeper the more of it is free. */
  ground(index: number): RGB {
    const { hall, theme } = this;
    const s = hall.model.sections[index];
    const free = hall.freeIn[index];
    const shown = s.tiers.filter((t) => hall.shows(t));
    if (free === 0 || s.tiers.length === 0) return mix(theme.paper, theme.taken, 0.4);
    if (shown.length === 0) return mix(theme.paper, theme.taken, 0.28);
    return mix(theme.paper, theme.tiers[lookOf(shown[shown.length - 1]).colour], 0.16 + 0.04 * this.depth(index));
  }

  /** How much of a section is free, in tenths: what its ground shows of it. */
  depth(index: number): number {
    return Math.ceil((this.hall.freeIn[index] / this.hall.model.sections[index].count) * 10);
  }

  /** Paints what lies in a box of the plan; k is CSS pixels a unit, the box's corner is the canvas's. */
  paint(ctx: CanvasRenderingContext2D, box: Box, k: number): void {
    const scale = k * this.dpr;
    const { sections } = this.hall.model;
    ctx.setTransform(scale, 0, 0, scale, -box[0] * scale, -box[1] * scale);
    for (const shape of this.hall.model.shapes) this.paintShape(ctx, shape);
    if (this.stage) this.paintStage(ctx, this.stage, scale);
    sections.forEach((s, i) => {
      if (overlap(s.box, box)) this.paintArea(ctx, s, i, k);
    });
    ctx.setTransform(1, 0, 0, 1, 0, 0);
    sections.forEach((s) => {
      if (this.seated(s, k) && overlap(s.box, grown(box, s.pitch * 2))) this.paintSeats(ctx, s, box, k);
    });
  }

  private paintStage(ctx: CanvasRenderingContext2D, s: Stage, scale: number): void {
    const r = Math.min(s.height * 0.22, (18 / scale) * this.dpr);
    ctx.fillStyle = css(mix(this.theme.paper, this.theme.ink, 0.09));
    ctx.beginPath();
    ctx.roundRect(s.x - s.width / 2, s.y - s.height / 2, s.width, s.height, r);
    ctx.fill();
  }

  /** An area or a text of the drawing, in the file's colours as far as they can be read in this theme. */
  private paintShape(ctx: CanvasRenderingContext2D, s: Shape): void {
    const { theme } = this;
    ctx.save();
    ctx.translate(s.x, s.y);
    ctx.rotate(((s.rotation ?? 0) * Math.PI) / 180);
    ctx.beginPath();
    const [w, h] = [s.width ?? 0, s.height ?? 0];
    if (s.kind === "rectangle") ctx.rect(0, 0, w, h);
    if (s.kind === "ellipse") ctx.ellipse(0, 0, w / 2, h / 2, 0, 0, 7);
    if (s.kind === "polygon") {
      for (const p of s.points ?? []) ctx.lineTo(p.x, p.y);
      ctx.closePath();
    }
    const ground = s.fill ? mix(theme.paper, parse(s.fill), theme.dark ? 0.35 : 1) : theme.paper;
    if (s.fill) {
      ctx.fillStyle = css(ground);
      ctx.fill();
    }
    if (s.line) {
      ctx.strokeStyle = css(mix(theme.paper, parse(s.line), theme.dark ? 0.5 : 1));
      ctx.lineWidth = 1;
      ctx.stroke();
    }
    if (s.text) {
      ctx.font = `500 ${s.text_size || 16}px ${theme.font}`;
      ctx.textAlign = "center";
      ctx.textBaseline = "middle";
      const wanted = s.text_fill ? parse(s.text_fill) : theme.ink;
      ctx.fillStyle = css(contrast(wanted, ground) >= 3 ? wanted : readable(ground, theme.ink, theme.paper));
      ctx.fillText(s.text, s.text_at?.x ?? 0, s.text_at?.y ?? 0);
    }
    ctx.restore();
  }

  private paintArea(ctx: CanvasRenderingContext2D, s: Section, index: number, k: number): void {
    const { theme } = this;
    const seated = this.seated(s, k);
    const path = this.outlines[index];
    const ground = seated ? mix(theme.paper, theme.ink, 0.03) : this.ground(index);
    ctx.fillStyle = css(ground);
    ctx.fill(path);
    const shown = s.tiers.filter((t) => this.hall.shows(t));
    if (!seated && shown.length > 0 && this.hall.freeIn[index] > 0) {
      const pattern = this.pattern(shown[shown.length - 1]);
      pattern.setTransform(ctx.getTransform().inverse()); // in pixels, at every scale
      ctx.fillStyle = pattern;
      ctx.fill(path);
    }
    ctx.lineJoin = "round";
    ctx.lineWidth = 1 / k;
    ctx.strokeStyle = css(seated ? mix(theme.paper, theme.line, 0.9) : mix(ground, theme.ink, 0.16));
    ctx.stroke(path);
  }

  private pattern(tier: number): CanvasPattern {
    const known = this.patterns.get(tier);
    if (known) return known;
    const { colour, shape } = lookOf(tier);
    const stroke = mix(this.theme.paper, this.theme.tiers[colour], 0.72);
    const made = context2d(document.createElement("canvas")).createPattern(hatch(shape, stroke, this.dpr), "repeat");
    if (!made) throw new Error("the canvas makes no patterns");
    this.patterns.set(tier, made);
    return made;
  }

  private paintSeats(ctx: CanvasRenderingContext2D, s: Section, box: Box, k: number): void {
    const { model } = this.hall;
    const near = grown(box, Math.max(s.pitch * 1.6, LONGEST_NAME / k)); // what reaches in from beyond
    for (let r = s.rows[0]; r < s.rows[1]; r++) {
      const b = model.rowBox;
      if (b[4 * r] > near[2] || b[4 * r + 2] < near[0] || b[4 * r + 1] > near[3] || b[4 * r + 3] < near[1]) continue;
      this.paintRow(ctx, model, r, s, near, box, k);
    }
  }

  private paintRow(
    ctx: CanvasRenderingContext2D,
    m: Model,
    r: number,
    s: Section,
    near: Box,
    box: Box,
    k: number,
  ): void {
    const { hall, sprites } = this;
    const scale = k * this.dpr;
    const row = m.rows[r];
    const radius = row.pitch * RADIUS * scale;
    const quiet = sprites.taken(radius);
    const details = s.pitch * k >= DETAILS_FROM;
    let tier = -1;
    let sprite = quiet;
    for (let i = row.first; i < row.first + row.count; i++) {
      if (m.x[i] < near[0] || m.x[i] > near[2] || m.y[i] < near[1] || m.y[i] > near[3]) continue;
      const x = (m.x[i] - box[0]) * scale;
      const y = (m.y[i] - box[1]) * scale;
      const t = m.tier[i];
      if (t === NONE || hall.status[i] !== 0) {
        ctx.drawImage(quiet.image, x - quiet.half, y - quiet.half);
        continue;
      }
      if (t !== tier) [tier, sprite] = [t, sprites.free(t, radius)];
      const dim = !hall.shows(t);
      if (dim) ctx.globalAlpha = DIM;
      ctx.drawImage(sprite.image, x - sprite.half, y - sprite.half);
      if (dim) ctx.globalAlpha = 1;
      else if (details) this.detail(ctx, m, i, x, y, radius, row.pitch * k);
    }
    if (details) this.rowNames(ctx, m, r, s, box, k);
  }

  /** What is written on a free seat: its mark, or its number. */
  detail(ctx: CanvasRenderingContext2D, m: Model, seat: number, x: number, y: number, r: number, apart: number): void {
    const { theme } = this;
    const marks = m.marks[seat];
    if (marks === 0 && apart < NUMBERS_FROM) return;
    const { colour, shape } = lookOf(m.tier[seat]);
    const on = theme.tiers[colour];
    if (marks !== 0 && HOLED.has(shape)) {
      ctx.fillStyle = css(on);
      ctx.beginPath();
      ctx.arc(x, y, r * 0.8, 0, 7);
      ctx.fill();
    }
    ctx.fillStyle = ctx.strokeStyle = css(readable(on, [255, 255, 255], [20, 20, 24]));
    if (marks & ACCESSIBLE) wheelchair(ctx, x, y, r * 0.95);
    else if (marks & RESTRICTED) struckEye(ctx, x, y, r);
    else if (!HOLED.has(shape)) {
      ctx.font = `500 ${Math.round(r * 0.82)}px ${theme.font}`;
      ctx.textAlign = "center";
      ctx.textBaseline = "middle";
      ctx.fillText(m.number[seat], x, y + r * 0.06);
    }
  }

  /**
   * The row's name at both of its ends, just beside the last seat, however far
   * apart the seats are and however long the name is.
   */
  private rowNames(ctx: CanvasRenderingContext2D, m: Model, r: number, s: Section, box: Box, k: number): void {
    const row = m.rows[r];
    const size = Math.min(12, row.pitch * k * 0.6); // rows may be closer to each other than their seats are
    if (row.count < (s.stacked ? 2 : 3) || size < SMALLEST_NAME) return;
    const scale = k * this.dpr;
    ctx.font = `500 ${Math.round(size * this.dpr)}px ${this.theme.font}`;
    ctx.fillStyle = css(this.theme.muted);
    ctx.textAlign = "center";
    ctx.textBaseline = "middle";
    const wide = ctx.measureText(row.label).width / 2;
    const last = row.first + row.count - 1;
    for (const [end, next] of [
      [row.first, row.first + 1],
      [last, last - 1],
    ]) {
      const at = beyond(
        { x: m.x[end], y: m.y[end] },
        { x: m.x[next], y: m.y[next] },
        (row.pitch * RADIUS * k + BESIDE) * this.dpr,
        wide,
        (size / 2) * this.dpr,
      );
      ctx.fillText(row.label, (m.x[end] - box[0]) * scale + at.x, (m.y[end] - box[1]) * scale + at.y);
    }
  }

  /** The outline of a section, drawn by the caller's transform. */
  outline(index: number): Path2D {
    return this.outlines[index];
  }
}

/** A path around a polygon, its corners rounded by up to r. */
function rounded(way: Point[], r: number): Path2D {
  const path = new Path2D();
  const n = way.length;
  const middle = (a: Point, b: Point): [number, number] => [(a.x + b.x) / 2, (a.y + b.y) / 2];
  if (n < 3) return path;
  path.moveTo(...middle(way[n - 1], way[0]));
  way.forEach((p, i) => {
    const next = middle(p, way[(i + 1) % n]);
    if (r > 0) path.arcTo(p.x, p.y, next[0], next[1], r);
    else path.lineTo(p.x, p.y);
    path.lineTo(...next);
  });
  path.closePath();
  return path;
}

export function grown(b: Box, by: number): Box {
  return [b[0] - by, b[1] - by, b[2] + by, b[3] + by];
}
