// Which seats are good: together, near, and without leaving one alone. Pure
// functions over the plan and what is free now; the server decides again.
import type { Model } from "./plan";
import { NONE } from "./tiers";

/** Whether a seat may be proposed. */
export type Free = (seat: number) => boolean;

export interface Proposal {
  seats: number[];
  together: boolean; // in one row, side by side
}

/** A stretch of free neighbouring seats of a row. */
interface Run {
  row: number;
  first: number;
  count: number;
}

const NOTHING: Proposal = { seats: [], together: false };

/**
 * The best n seats of a tier (-1: of any). Best means, in this order: together
 * in one row; no single seat left alone beside them; a row nearer to the front;
 * an earlier section; nearer to the row's middle. Without a tier an earlier
 * section comes before a nearer row. When no row has n together, the longest
 * runs of the first section that has n, else of all.
 */
export function together(m: Model, free: Free, n: number, tier: number): Proposal {
  const wanted = (s: number): boolean => m.tier[s] !== NONE && (tier < 0 || m.tier[s] === tier) && free(s);
  let best = -1;
  let least: Cost = [];
  let apart: number[] = [];
  const all: Run[] = [];
  m.sections.forEach((section, at) => {
    if (section.standing) return;
    const runs: Run[] = [];
    for (let r = section.rows[0]; r < section.rows[1]; r++) runs.push(...runsOf(m, r, wanted));
    for (const run of runs) {
      for (let first = run.first; first + n <= run.first + run.count; first++) {
        const depth = run.row - section.rows[0];
        const alone = lonely(run, first, n);
        const cost =
          tier < 0
            ? [alone, at, depth, offset(m, run.row, first, n)]
            : [alone, depth, at, offset(m, run.row, first, n)];
        if (best < 0 || less(cost, least)) [best, least] = [first, cost];
      }
    }
    if (apart.length < n) apart = longest(runs, n);
    all.push(...runs);
  });
  if (best >= 0) return { seats: sequence(best, n), together: true };
  if (apart.length < n) apart = longest(all, n);
  return apart.length < n ? NOTHING : { seats: apart, together: false };
}

/**
 * The n free seats of a tier nearest to a place: together when some row has
 * them, rather without leaving one alone; else the nearest ones.
 */
export function near(m: Model, free: Free, n: number, tier: number, x: number, y: number): Proposal {
  const wanted = (s: number): boolean => m.tier[s] === tier && m.row[s] >= 0 && free(s);
  const far = (s: number): number => Math.hypot(m.x[s] - x, m.y[s] - y);
  let best = -1;
  let least = Infinity;
  for (let r = 0; r < m.rows.length; r++) {
    const { pitch } = m.sections[m.rows[r].section];
    for (const run of runsOf(m, r, wanted)) {
      for (let first = run.first; first + n <= run.first + run.count; first++) {
        const cost = (far(first) + far(first + n - 1)) / 2 + lonely(run, first, n) * 2 * pitch;
        if (cost < least) [best, least] = [first, cost];
      }
    }
  }
  if (best >= 0) return { seats: sequence(best, n), together: true };
  const single: number[] = [];
  for (let s = 0; s < m.n; s++) if (wanted(s)) single.push(s);
  if (single.length < n) return NOTHING;
  return {
    seats: single
      .sort((a, b) => far(a) - far(b))
      .slice(0, n)
      .sort((a, b) => a - b),
    together: false,
  };
}

/**
 * Free seats that the chosen ones leave alone: both neighbours gone, one of
 * them by this choice.
 */
export function orphans(m: Model, free: Free, chosen: ReadonlySet<number>): number[] {
  const out = new Set<number>();
  const open = (s: number): boolean => s >= 0 && free(s) && !chosen.has(s);
  for (const s of chosen) {
    if (m.row[s] < 0) continue;
    for (const side of [-1, 1]) {
      const seat = beside(m, s, side);
      if (open(seat) && !open(beside(m, seat, side)) && !aloneAnyway(m, free, seat)) out.add(seat);
    }
  }
  return [...out].sort((a, b) => a - b);
}

/** The seat that sits beside one, on a side (-1 or 1) of its row; -1 when there is none. */
function beside(m: Model, seat: number, side: number): number {
  const other = seat + side;
  return m.row[other] === m.row[seat] && m.gap[Math.min(seat, other)] === 0 ? other : -1;
}

/** Whether a seat has no free neighbour even before anything is chosen. */
function aloneAnyway(m: Model, free: Free, seat: number): boolean {
  return [-1, 1].every((side) => {
    const other = beside(m, seat, side);
    return other < 0 || !free(other);
  });
}

function runsOf(m: Model, row: number, wanted: Free): Run[] {
  const { first, count } = m.rows[row];
  const out: Run[] = [];
  let run: Run | null = null;
  for (let s = first; s < first + count; s++) {
    if (!wanted(s)) {
      run = null;
    } else if (run && m.gap[s - 1] === 0) {
      run.count++;
    } else {
      run = { row, first: s, count: 1 };
      out.push(run);
    }
  }
  return out;
}

/** How many ends of the run would be left with a single seat. */
function lonely(run: Run, first: number, n: number): number {
  return Number(first - run.first === 1) + Number(run.first + run.count - first - n === 1);
}

/** Twice the distance, in seats, of the middle of n seats from the row's. */
function offset(m: Model, row: number, first: number, n: number): number {
  return Math.abs(2 * first + n - 2 * m.rows[row].first - m.rows[row].count);
}

type Cost = number[];

function less(a: Cost, b: Cost): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return a[i] < b[i];
  return false;
}

/** Up to n seats out of runs, the longest first, earlier ones first among equals. */
function longest(runs: Run[], n: number): number[] {
  const out: number[] = [];
  for (const run of runs.slice().sort((a, b) => b.count - a.count)) {
    if (out.length >= n) break;
    out.push(...sequence(run.first, Math.min(run.count, n - out.length)));
  }
  return out;
}

function sequence(first: number, n: number): number[] {
  return Array.from({ length: n }, (_, i) => first + i);
}

/**
 * The seat to go to from one, in a direction: (1, 0) is to the right. Along the
 * row rather than across; -1 when there is none.
 */
export function step(m: Model, from: number, dx: number, dy: number): number {
  let best = -1;
  let least = Infinity;
  for (let s = 0; s < m.n; s++) {
    if (s === from || m.row[s] < 0) continue;
    const ex = m.x[s] - m.x[from];
    const ey = m.y[s] - m.y[from];
    const along = ex * dx + ey * dy;
    if (along <= 0.01) continue;
    const across = Math.abs(ex * dy - ey * dx);
    if (across > along * 2) continue;
    const cost = (along + 2 * across) * (m.row[s] === m.row[from] ? 0.7 : 1);
    if (cost < least) [best, least] = [s, cost];
  }
  return best;
}
