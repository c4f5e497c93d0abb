// Where the stage, field or floor is, guessed for plans that do not say.
import type { Model } from "./plan";

export interface Stage {
  x: number; // middle
  y: number;
  width: number;
  height: number;
}

/**
 * In a bowl, whose rows face all ways, the empty middle if it is empty; where
 * rows face one way, a band before the first ones. null when there is no room.
 */
export function stageOf(m: Model): Stage | null {
  if (m.noStage || m.shapes.length > 0) return null; // the drawing says it
  const [dx, dy] = facing(m);
  if (Math.hypot(dx, dy) < 0.4) return middle(m);
  return Math.abs(dy) > Math.abs(dx) ? front(m, dy) : null;
}

/** Where seats look, on average: a step from the last rows to the first; as long as they agree, at most 1. */
function facing(m: Model): [number, number] {
  let [x, y, n] = [0, 0, 0];
  for (const s of m.sections) {
    if (s.standing || s.rows[1] - s.rows[0] < 2 || !s.stacked) continue;
    const [a, b] = [m.rows[s.rows[0]], m.rows[s.rows[1] - 1]].map((r) => r.first + (r.count >> 1));
    const [dx, dy] = [m.x[a] - m.x[b], m.y[a] - m.y[b]];
    const length = Math.hypot(dx, dy) || 1;
    x += (dx / length) * s.count;
    y += (dy / length) * s.count;
    n += s.count;
  }
  return n === 0 ? [0, -1] : [x / n, y / n];
}

function middleOf(m: Model): [number, number] {
  const [left, top, right, bottom] = m.box;
  return [(left + right) / 2, (top + bottom) / 2];
}

/** The empty place in the middle: as far as it is to the nearest seats on each side. */
function middle(m: Model): Stage | null {
  const [left, top, right, bottom] = m.box;
  const [cx, cy] = middleOf(m);
  let w = Infinity;
  let h = Infinity;
  for (let s = 0; s < m.n; s++) {
    const dx = Math.abs(m.x[s] - cx);
    const dy = Math.abs(m.y[s] - cy);
    if (dx * (bottom - top) > dy * (right - left)) w = Math.min(w, dx);
    else h = Math.min(h, dy);
  }
  if (w < (right - left) * 0.03 || h < (bottom - top) * 0.03) return null;
  return { x: cx, y: cy, width: w * 1.7, height: h * 1.5 };
}

/** Before the first rows, above or below. */
function front(m: Model, dy: number): Stage {
  const [left, top, right, bottom] = m.box;
  const width = (right - left) * 0.34;
  const height = Math.max((bottom - top) * 0.055, width / 9);
  const x = (left + right) / 2;
  if (dy > 0) return { x, y: bottom + height * 0.9, width, height };
  return { x, y: under(m, x, width) - height * 1.1, width, height };
}

/** The top of what lies in the columns around x. */
function under(m: Model, x: number, width: number): number {
  let top = Infinity;
  for (const s of m.sections) if (s.standing && Math.abs(s.middle.x - x) < width) top = Math.min(top, s.box[1]);
  for (let s = 0; s < m.n; s++)
    if (Math.abs(m.x[s] - x) < width / 2 && m.row[s] >= 0) top = Math.min(top, m.y[s] - m.sections[m.section[s]].pad);
  return top === Infinity ? m.box[1] : top;
}
