// Small plans to test with.

import type { Model, WirePlan, WireSeat } from "../map/plan";
import { build } from "../map/plan";
import type { Tier } from "../map/tiers";

/** A section as text, one line a row, one character a seat: the digit of its category. */
export interface Sketch {
  id: string;
  rows: string[];
  x?: number;
  y?: number;
}

export function plan(...sketches: Sketch[]): WirePlan {
  const seats: WireSeat[] = [];
  const sections = sketches.map((s) => {
    const first = seats.length;
    const rows = s.rows.map((line, r) => {
      const row = { label: String.fromCharCode(65 + r), first: seats.length, count: line.length };
      [...line].forEach((c, i) => {
        seats.push({
          label: `${s.id}-${row.label}-${i + 1}`,
          number: String(i + 1),
          x: (s.x ?? 0) + 10 * i,
          y: (s.y ?? 0) + 10 * r,
          category: Number(c),
        });
      });
      return row;
    });
    return { id: s.id, name: `Section ${s.id}`, first, count: seats.length - first, rows };
  });
  return {
    width: 1000,
    height: 1000,
    categories: [{ name: "best" }, { name: "good" }, { name: "free of charge" }],
    sections,
    seats,
  };
}

export const tiers: Tier[] = [
  { id: "a", name: "Best", price: 9000, label: "€90.00", categories: ["best"] },
  { id: "b", name: "Good", price: 4000, label: "€40.00", categories: ["good"] },
];

export function model(...sketches: Sketch[]): Model {
  return build(plan(...sketches), tiers);
}

/** Free seats by label; every other one is taken. */
export function only(m: Model, labels: string[]): (seat: number) => boolean {
  const set = new Set(labels);
  return (s) => set.has(m.label[s]);
}

export function all(): boolean {
  return true;
}

export function names(m: Model, seats: number[]): string[] {
  return seats.map((s) => m.label[s]);
}
