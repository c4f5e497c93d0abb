// The names on the map, written each frame so that they are sharp at any scale.
import type { Camera } from "./camera";
import type { Hall } from "./hall";
import type { Point } from "./outline";
import { gap } from "./outline";
import type { Painter } from "./paint";
import type { Section } from "./plan";
import type { Stage } from "./stage";
import type { Theme } from "./theme";
import { css, readable } from "./theme";
import type { Voice } from "./words";

/** How much room there is around the middle of a section; units of the plan. */
interface Room {
  width: number;
  height: number;
}

const rooms = new WeakMap<Section, Room>();
const widths = new Map<string, number>();

export function labels(
  ctx: CanvasRenderingContext2D,
  hall: Hall,
  painter: Painter,
  theme: Theme,
  voice: Voice,
  camera: Camera,
  stage: Stage | null,
): void {
  ctx.textAlign = "center";
  ctx.textBaseline = "middle";
  const { k } = camera.at;
  if (stage) {
    const size = Math.max(9, Math.min(15, stage.height * k * 0.34));
    if (stage.height * k > 11)
      write(ctx, theme, camera, { x: stage.x, y: stage.y }, 0, voice.say("stage"), 600, size, css(theme.muted));
  }
  const small = smallNames(ctx, hall, painter, theme, voice, k);
  hall.model.sections.forEach((s, i) => {
    if (painter.seated(s, k)) {
      besides(ctx, theme, camera, hall, s);
      return;
    }
    const [x, y] = camera.screen(s.middle.x, s.middle.y);
    if (x < -100 || y < -40 || x > camera.width + 100 || y > camera.height + 40) return;
    inside(ctx, hall, painter, theme, voice, camera, s, i, small);
  });
}

/** How areas are named that have room for their id only. */
interface Small {
  size: number; // 0: without a name, since few would fit
  priced: boolean; // there is room for the price too
}

/** The same for all of them, and such that it suits most. */
function smallNames(
  ctx: CanvasRenderingContext2D,
  hall: Hall,
  painter: Painter,
  theme: Theme,
  voice: Voice,
  k: number,
): Small {
  const areas = hall.model.sections.filter(
    (s) => !painter.seated(s, k) && measure(ctx, theme, s.name, 600, 13) >= roomOf(s).width * k - 4,
  );
  const most = (f: (s: Section) => boolean): boolean => areas.filter(f).length >= areas.length * 0.9;
  return {
    size: [11, 9].find((size) => most((s) => fits(ctx, theme, s, size, k))) ?? 0,
    priced: most(
      (s) =>
        roomOf(s).height * k > 34 && measure(ctx, theme, priceOf(hall, voice, s), 500, 11) < roomOf(s).width * k - 4,
    ),
  };
}

/** Whether an id fits: across a narrow area it may reach out a little. */
function fits(ctx: CanvasRenderingContext2D, theme: Theme, s: Section, size: number, k: number): boolean {
  const room = roomOf(s);
  const [w, h] = [room.width * k, room.height * k];
  return measure(ctx, theme, s.id, 600, size) < Math.max(w, h) + 3 && size < Math.min(w, h) + 3;
}

/** Name and lowest price in the area itself, as far as they fit. */
function inside(
  ctx: CanvasRenderingContext2D,
  hall: Hall,
  painter: Painter,
  theme: Theme,
  voice: Voice,
  camera: Camera,
  s: Section,
  index: number,
  small: Small,
): void {
  const { k } = camera.at;
  const room = roomOf(s);
  const [w, h] = [room.width * k - 4, room.height * k];
  const dim = !s.tiers.some((t) => hall.shows(t));
  const ink = css(dim ? theme.muted : readable(painter.ground(index), theme.ink, theme.paper));
  const sold = hall.freeIn[index] === 0;
  const price = sold ? voice.say("sold_out") : priceOf(hall, voice, s);
  if (measure(ctx, theme, s.name, 600, 13) < w && h > 15) {
    const two = h > 38 && measure(ctx, theme, price, 500, 12) < w;
    write(ctx, theme, camera, s.middle, two ? -8 : 0, s.name, 600, 13, ink);
    if (two) write(ctx, theme, camera, s.middle, 8, price, 500, 12, ink);
    return;
  }
  if (small.size === 0 || !fits(ctx, theme, s, small.size, k)) return;
  const two = small.priced && measure(ctx, theme, price, 500, 11) < w;
  write(ctx, theme, camera, s.middle, two ? -7 : 0, s.id, 600, small.size, ink);
  if (two) write(ctx, theme, camera, s.middle, 7, price, 500, 11, ink);
}

function priceOf(hall: Hall, voice: Voice, s: Section): string {
  const { tiers } = hall.model;
  if (s.tiers.length === 0) return "";
  const cheapest = s.tiers.reduce((a, b) => (tiers[b].price < tiers[a].price ? b : a));
  return s.tiers.length > 1 ? voice.say("from", { price: tiers[cheapest].label }) : tiers[cheapest].label;
}

/** Where seats are drawn, the name stands behind the last row. */
function besides(ctx: CanvasRenderingContext2D, theme: Theme, camera: Camera, hall: Hall, s: Section): void {
  const m = hall.model;
  if (!s.stacked) {
    const below = { x: (s.box[0] + s.box[2]) / 2, y: s.box[3] + 11 / camera.at.k };
    return write(ctx, theme, camera, below, 0, s.name, 600, 12, css(theme.muted), true);
  }
  const [front, back] = [m.rows[s.rows[0]], m.rows[s.rows[1] - 1]];
  const mid = (r: { first: number; count: number }): Point => ({
    x: m.x[r.first + (r.count >> 1)],
    y: m.y[r.first + (r.count >> 1)],
  });
  const [a, b] = [mid(front), mid(back)];
  const length = Math.hypot(b.x - a.x, b.y - a.y) || 1;
  const wide = measure(ctx, theme, s.name, 600, 12) / 2;
  const away = s.pad + (11 + (wide * Math.abs(b.x - a.x)) / length) / camera.at.k;
  const at = { x: b.x + ((b.x - a.x) / length) * away, y: b.y + ((b.y - a.y) / length) * away };
  write(ctx, theme, camera, at, 0, s.name, 600, 12, css(theme.muted), true);
}

/** Writes at a point of the plan; with a halo where something may be beneath. */
function write(
  ctx: CanvasRenderingContext2D,
  theme: Theme,
  camera: Camera,
  at: Point,
  dy: number,
  text: string,
  weight: number,
  size: number,
  colour: string,
  halo = false,
): void {
  const [x, y] = camera.screen(at.x, at.y);
  ctx.font = `${weight} ${size}px ${theme.font}`;
  if (halo) {
    ctx.lineWidth = 4;
    ctx.lineJoin = "round";
    ctx.strokeStyle = css(theme.paper);
    ctx.strokeText(text, x, y + dy);
  }
  ctx.fillStyle = colour;
  ctx.fillText(text, x, y + dy);
}

function measure(ctx: CanvasRenderingContext2D, theme: Theme, text: string, weight: number, size: number): number {
  const key = `${size}${text}`;
  let w = widths.get(key);
  if (w === undefined) {
    ctx.font = `${weight} ${size}px ${theme.font}`;
    w = ctx.measureText(text).width;
    widths.set(key, w);
  }
  return w;
}

/** The free width to both sides of the middle, and the height. */
function roomOf(s: Section): Room {
  let room = rooms.get(s);
  if (!room) {
    let [left, right] = [Infinity, Infinity];
    const { x, y } = s.middle;
    s.outline.forEach((p, i) => {
      const q = s.outline[(i + 1) % s.outline.length];
      if (p.y > y === q.y > y) return;
      const cut = p.x + ((y - p.y) / (q.y - p.y)) * (q.x - p.x) - x;
      if (cut < 0) left = Math.min(left, -cut);
      else right = Math.min(right, cut);
    });
    const half = Math.min(left, right);
    room = { width: 2 * ((half === Infinity ? 0 : half) + s.pad), height: 2 * (gap(s.outline, s.middle) + s.pad) };
    rooms.set(s, room);
  }
  return room;
}
