// Where the stage, field or floor is, guessed: plans do not say.
import type { Model } from "./plan";

export interface Stage {
  x: number; // middle
  y: number;
  width: number;
  height: number;
}

/**
 * In a bowl, the empty middle; in front of rows that all face one way, a band
 * before the first ones. null when there is no room for one.
 */
export function stageOf(m: Model): Stage | null {
  if (m.n === 0) return null;
  return middle(m) ?? front(m);
}

/** The largest empty rectangle-like place that seats surround on all four sides. */
function middle(m: Model): Stage | null {
  const [left, top, right, bottom] = m.box;
  const [cx, cy] = [(left + right) / 2, (top + bottom) / 2];
  const reach = [Infinity, Infinity, Infinity, Infinity]; // to the right, down, left, up
  let covered = 0;
  for (let s = 0; s < m.n; s += 3) {
    const [dx, dy] = [m.x[s] - cx, m.y[s] - cy];
    const side = Math.abs(dx) > Math.abs(dy) ? (dx > 0 ? 0 : 2) : dy > 0 ? 1 : 3;
    covered |= 1 << (Math.floor(((Math.atan2(dy, dx) + Math.PI) / (2 * Math.PI)) * 11.99));
    reach[side] = Math.min(reach[side], side % 2 === 0 ? Math.abs(dx) : Math.abs(dy));
  }
  if (covered !== 0xfff) return null;
  const [w, h] = [Math.min(reach[0], reach[2]), Math.min(reach[1], reach[3])];
  if (w < (right - left) * 0.08 || h < (bottom - top) * 0.06) return null;
  return { x: cx, y: cy, width: w * 1.24, height: h * 1.16 };
}

/** Before the first rows, where they look. */
function front(m: Model): Stage | null {
  const [left, top, right, bottom] = m.box;
  // Rows count from the stage: it lies where the step from the last row to the first leads.
  let dy = 0;
  for (const s of m.sections) {
    if (s.standing || s.rows[1] - s.rows[0] < 2) continue;
    const [a, b] = [m.rows[s.rows[0]], m.rows[s.rows[1] - 1]];
    dy += Math.sign(m.y[b.first + (b.count >> 1)] - m.y[a.first + (a.count >> 1)]) * s.count;
  }
  const width = (right - left) * 0.34;
  const height = Math.max((bottom - top) * 0.055, width / 9);
  const x = (left + right) / 2;
  if (dy < 0) return { x, y: bottom + height * 0.9, width, height };
  return { x, y: under(m, x, width) - height * 1.1, width, height };
}

/** The top of what lies in the columns around x. */
function under(m: Model, x: number, width: number): number {
  let top = Infinity;
  for (const s of m.sections) if (s.standing && Math.abs(s.middle.x - x) < width) top = Math.min(top, s.box[1]);
  for (let s = 0; s < m.n; s++) if (Math.abs(m.x[s] - x) < width / 2 && m.row[s] >= 0) top = Math.min(top, m.y[s] - m.sections[m.section[s]].pad);
  return top === Infinity ? m.box[1] : top;
}
