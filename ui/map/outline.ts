// The shape of a section whose plan gives none.

export interface Point {
  x: number;
  y: number;
}

interface Run {
  first: number;
  count: number;
}

/** An outline, and whether it follows rows that are stacked one behind the other. */
export interface Outline {
  way: Point[];
  stacked: boolean;
}

/**
 * An outline around seats first…first+count-1: along the first row, up the ends
 * of the rows, back along the last. It follows curved sections closely. Where
 * rows are not stacked like that (tables), it is the convex hull.
 */
export function outlineOf(x: Float32Array, y: Float32Array, first: number, count: number, rows: Run[]): Outline {
  const at = (i: number): Point => ({ x: x[i], y: y[i] });
  const hull = (): Outline => ({
    way: convexHull(Array.from({ length: count }, (_, i) => at(first + i))),
    stacked: false,
  });
  const walked = walk(rows, at);
  if (walked.length < 3 || crosses(walked)) return hull();
  // Rows that lie apart, or side by side, would leave seats outside.
  const size = Math.abs(area(walked));
  for (const row of rows) {
    const p = at(row.first + (row.count >> 1));
    if (!inside(walked, p) && gap(walked, p) > Math.sqrt(size) * 0.02) return hull();
  }
  return { way: walked, stacked: true };
}

/** The way around stacked rows. */
function walk(rows: Run[], at: (i: number) => Point): Point[] {
  const used = rows.filter((r) => r.count > 0);
  if (used.length < 2 || !stacked(used, at)) return [];
  const front = used[0];
  const back = used[used.length - 1];
  const way: Point[] = [];
  for (let i = 0; i < front.count; i++) way.push(at(front.first + i));
  for (const r of used.slice(1, -1)) way.push(at(r.first + r.count - 1));
  for (let i = back.count - 1; i >= 0; i--) way.push(at(back.first + i));
  for (const r of used.slice(1, -1).reverse()) way.push(at(r.first));
  return thin(way);
}

/** Whether most rows lie behind the one before rather than beside it. */
function stacked(rows: Run[], at: (i: number) => Point): boolean {
  const mid = (r: Run): Point => at(r.first + (r.count >> 1));
  const behind = rows.slice(1).filter((r, i) => {
    const [a, b] = [at(r.first), at(r.first + r.count - 1)];
    const [from, to] = [mid(rows[i]), mid(r)];
    const [width, step] = [Math.hypot(b.x - a.x, b.y - a.y), Math.hypot(to.x - from.x, to.y - from.y)];
    return (
      r.count === 1 || Math.abs((b.x - a.x) * (to.x - from.x) + (b.y - a.y) * (to.y - from.y)) < 0.6 * width * step
    );
  });
  return behind.length * 2 > rows.length - 1;
}

/** Leaves out points that lie on the line between their neighbours. */
function thin(way: Point[]): Point[] {
  const out: Point[] = [];
  way.forEach((p, i) => {
    const a = out[out.length - 1] ?? way[way.length - 1];
    const b = way[(i + 1) % way.length];
    const bend = Math.abs((p.x - a.x) * (b.y - a.y) - (p.y - a.y) * (b.x - a.x));
    if (bend > 0.03 * Math.hypot(b.x - a.x, b.y - a.y) ** 1.3) out.push(p);
  });
  return out;
}

/** Andrew's monotone chain. */
export function convexHull(points: Point[]): Point[] {
  const sorted = points.slice().sort((a, b) => a.x - b.x || a.y - b.y);
  if (sorted.length < 3) return sorted;
  const half = (list: Point[]): Point[] => {
    const out: Point[] = [];
    for (const p of list) {
      while (out.length > 1 && turn(out[out.length - 2], out[out.length - 1], p) <= 0) out.pop();
      out.push(p);
    }
    out.pop();
    return out;
  };
  return half(sorted).concat(half(sorted.reverse()));
}

function turn(a: Point, b: Point, c: Point): number {
  return (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x);
}

function area(way: Point[]): number {
  let sum = 0;
  way.forEach((p, i) => {
    const q = way[(i + 1) % way.length];
    sum += p.x * q.y - q.x * p.y;
  });
  return sum / 2;
}

/** Whether two sides cross. */
function crosses(way: Point[]): boolean {
  const n = way.length;
  for (let i = 0; i < n; i++) {
    for (let j = i + 2; j < n; j++) {
      if (i === 0 && j === n - 1) continue;
      const a = way[i];
      const b = way[i + 1];
      const c = way[j];
      const d = way[j + 1 < n ? j + 1 : 0];
      if (Math.max(a.x, b.x) < Math.min(c.x, d.x) || Math.max(c.x, d.x) < Math.min(a.x, b.x)) continue;
      if (turn(a, b, c) * turn(a, b, d) < 0 && turn(c, d, a) * turn(c, d, b) < 0) return true;
    }
  }
  return false;
}

/** Whether a point lies in an outline (even-odd rule). */
export function inside(way: Point[], p: Point): boolean {
  let within = false;
  for (let i = 0, j = way.length - 1; i < way.length; j = i++) {
    const a = way[i];
    const b = way[j];
    if (a.y > p.y !== b.y > p.y && p.x < ((b.x - a.x) * (p.y - a.y)) / (b.y - a.y) + a.x) within = !within;
  }
  return within;
}

/** An outline moved outwards by so much; corners keep within twice of it. */
export function widened(way: Point[], by: number): Point[] {
  if (by === 0) return way;
  const out = area(way) > 0 ? by : -by;
  const n = way.length;
  const normal = (a: Point, b: Point): Point => {
    const length = Math.hypot(b.x - a.x, b.y - a.y) || 1;
    return { x: (b.y - a.y) / length, y: (a.x - b.x) / length };
  };
  return way.map((p, i) => {
    const [u, v] = [normal(way[(i + n - 1) % n], p), normal(p, way[(i + 1) % n])];
    const [x, y] = [u.x + v.x, u.y + v.y];
    const f = out / Math.max(0.5, (x * x + y * y) / 2);
    return { x: p.x + x * f, y: p.y + y * f };
  });
}

/** How far a point is from an outline's nearest side. */
export function gap(way: Point[], p: Point): number {
  let best = Infinity;
  for (let i = 0, j = way.length - 1; i < way.length; j = i++) {
    const [a, b] = [way[j], way[i]];
    const length = (b.x - a.x) ** 2 + (b.y - a.y) ** 2;
    const t = length ? Math.max(0, Math.min(1, ((p.x - a.x) * (b.x - a.x) + (p.y - a.y) * (b.y - a.y)) / length)) : 0;
    best = Math.min(best, Math.hypot(p.x - a.x - t * (b.x - a.x), p.y - a.y - t * (b.y - a.y)));
  }
  return best;
}
