// The seating plan: as it comes over the wire, and as the map keeps it.

import type { Point } from "./outline";
import { outlineOf } from "./outline";
import type { Tier } from "./tiers";
import { assign, NONE } from "./tiers";

/** GET /events/{id}/plan. Seats are numbered by their place in the list: ordinals. */
export interface WirePlan {
  width: number;
  height: number;
  categories: { name: string }[];
  sections: WireSection[];
  shapes?: Shape[];
  no_stage?: boolean;
  seats: WireSeat[];
}

/** An area or a text beneath the seats; see the API's Shape. */
export interface Shape {
  kind: "rectangle" | "ellipse" | "polygon" | "text";
  x: number;
  y: number;
  width?: number;
  height?: number;
  rotation?: number; // degrees, clockwise around x, y
  points?: Point[];
  fill?: string;
  line?: string;
  text?: string;
  text_at?: Point;
  text_size?: number;
  text_fill?: string;
}

export interface WireSection {
  id: string;
  name: string;
  first: number;
  count: number;
  general_admission?: boolean;
  rows?: { label: string; first: number; count: number }[];
  outline?: Point[];
}

export interface WireSeat {
  label: string;
  number: string;
  x: number;
  y: number;
  category: number;
  accessible?: boolean;
  restricted_view?: boolean;
}

/** A run of neighbouring seats of one section. */
export interface Row {
  label: string;
  first: number;
  count: number;
  section: number;
  pitch: number; // distance of its seats to their nearest neighbours: their size
}

/** Left, top, right, bottom; in the units of the plan. */
export type Box = [number, number, number, number];

export interface Section {
  id: string;
  name: string;
  first: number;
  count: number;
  standing: boolean; // general admission: places are not chosen one by one
  rows: [from: number, to: number]; // in Model.rows
  outline: Point[];
  stacked: boolean; // rows lie one behind the other
  pad: number; // the outline is drawn so much wider
  box: Box; // padding included
  pitch: number; // distance of neighbouring seats
  middle: Point;
  tiers: number[]; // that its seats have, best first
}

export const ACCESSIBLE = 1;
export const RESTRICTED = 2;

/** A plan and the prices of an event, laid out for drawing. */
export interface Model {
  n: number; // seats
  width: number;
  height: number;
  x: Float32Array;
  y: Float32Array;
  tier: Uint8Array; // NONE: not for sale
  section: Uint16Array;
  row: Int32Array; // in rows; -1 in general admission
  marks: Uint8Array; // ACCESSIBLE | RESTRICTED
  label: string[];
  number: string[];
  rows: Row[];
  rowBox: Float32Array; // four numbers a row
  gap: Uint8Array; // 1: the next seat of the row does not sit beside this one
  shapes: Shape[];
  noStage: boolean; // the drawing has all there is
  sections: Section[];
  tiers: Tier[];
  box: Box; // of everything
}

/** Lays a plan out. Tiers are in the order of the legend: dearest first. */
export function build(plan: WirePlan, tiers: Tier[]): Model {
  const steps = building(plan, tiers);
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

const TASK = 12; // ms

/** The same in short tasks, so that the page answers in between. */
export async function buildGently(plan: WirePlan, tiers: Tier[]): Promise<Model> {
  const steps = building(plan, tiers);
  for (let since = performance.now(); ; ) {
    const step = steps.next();
    if (step.done) return step.value;
    if (performance.now() - since < TASK) continue;
    await pause();
    since = performance.now();
  }
}

/** Lets the page answer before more is done. */
export function pause(): Promise<void> {
  return new Promise((go) => setTimeout(go));
}

function* building(plan: WirePlan, tiers: Tier[]): Generator<void, Model> {
  const n = plan.seats.length;
  const m: Model = {
    n,
    width: plan.width,
    height: plan.height,
    tiers,
    x: new Float32Array(n),
    y: new Float32Array(n),
    tier: assign(plan, tiers),
    section: new Uint16Array(n),
    row: new Int32Array(n).fill(-1),
    marks: new Uint8Array(n),
    label: new Array<string>(n),
    number: new Array<string>(n),
    rows: [],
    rowBox: new Float32Array(4 * plan.sections.reduce((sum, s) => sum + (s.rows?.length ?? 0), 0)),
    sections: [],
    box: emptyBox(),
    gap: new Uint8Array(n),
    shapes: plan.shapes ?? [],
    noStage: plan.no_stage === true,
  };
  for (let i = 0; i < n; i++) {
    const s = plan.seats[i];
    m.x[i] = s.x;
    m.y[i] = s.y;
    m.label[i] = s.label;
    m.number[i] = s.number;
    m.marks[i] = (s.accessible ? ACCESSIBLE : 0) | (s.restricted_view ? RESTRICTED : 0);
    if (i % 2000 === 0) yield;
  }
  for (let i = 0; i < plan.sections.length; i++) {
    addSection(m, plan.sections[i], i);
    yield;
  }
  for (const s of m.sections) grow(m.box, s.box);
  for (const s of m.shapes) grow(m.box, boxOfShape(s));
  return m;
}

function addSection(m: Model, s: WireSection, index: number): void {
  const from = m.rows.length;
  for (const r of s.rows ?? []) {
    m.row.fill(m.rows.length, r.first, r.first + r.count);
    m.rows.push({ label: r.label, first: r.first, count: r.count, section: index, pitch: 0 });
  }
  m.section.fill(index, s.first, s.first + s.count);
  const rows = m.rows.slice(from);
  const pitch = pitchOf(m, rows);
  const given = s.outline && s.outline.length > 2 ? s.outline : null;
  const derived = outlineOf(m.x, m.y, s.first, s.count, rows);
  const section: Section = {
    id: s.id,
    name: s.name,
    first: s.first,
    count: s.count,
    standing: s.general_admission === true,
    rows: [from, m.rows.length],
    outline: given ?? derived.way,
    stacked: derived.stacked,
    pad: given ? 0 : pitch * 0.85,
    box: emptyBox(),
    pitch,
    middle: { x: 0, y: 0 },
    tiers: tiersOf(m, s.first, s.count),
  };
  for (const p of section.outline)
    grow(section.box, [p.x - section.pad, p.y - section.pad, p.x + section.pad, p.y + section.pad]);
  section.middle = middleOf(m, section, rows);
  m.sections.push(section);
  fitRows(m, rows, pitch);
  findGaps(m, rows);
  rows.forEach((r, i) => {
    boxRow(m, r, from + i, pitch);
  });
}

/** How many cells of the grid, each a pitch wide, a seat looks around for its neighbours. */
const AROUND = [-1, 0, 1];

/** Gives each row the size of seat that fits the nearest neighbour of any seat in it. */
function fitRows(m: Model, rows: Row[], pitch: number): void {
  const cell = (v: number): number => Math.floor(v / pitch);
  const key = (cx: number, cy: number): number => cx * 2097152 + cy;
  const grid = new Map<number, number[]>();
  for (const r of rows) {
    for (let i = r.first; i < r.first + r.count; i++) {
      const k = key(cell(m.x[i]), cell(m.y[i]));
      const there = grid.get(k);
      if (there) there.push(i);
      else grid.set(k, [i]);
    }
  }
  for (const r of rows) {
    let least = pitch;
    for (let i = r.first; i < r.first + r.count; i++) {
      for (const dx of AROUND) {
        for (const dy of AROUND) {
          for (const j of grid.get(key(cell(m.x[i]) + dx, cell(m.y[i]) + dy)) ?? []) {
            const d = distance(m, i, j);
            if (d < least && d > pitch * 0.05) least = d; // nearer ones are drawn twice
          }
        }
      }
    }
    r.pitch = least;
  }
}

const FAR_APART = 1.75; // as in message.Plan.Beside

/** Notes where there is an aisle, or somebody else's seat, within a row. */
function findGaps(m: Model, rows: Row[]): void {
  const steps = (r: Row): number[] =>
    Array.from({ length: Math.max(0, r.count - 1) }, (_, i) => distance(m, r.first + i, r.first + i + 1));
  const usual = upper(rows.flatMap(steps));
  for (const r of rows) {
    const own = steps(r);
    const far = FAR_APART * (r.count < 4 ? usual : upper([...own]));
    own.forEach((d, i) => {
      if (d > far) m.gap[r.first + i] = 1;
    });
  }
}

/** The median; of two the larger. */
function upper(list: number[]): number {
  list.sort((a, b) => a - b);
  return list.length > 0 ? list[list.length >> 1] : 0;
}

/** The distance at which a seat is drawn without touching another. */
export function pitchAt(m: Model, seat: number): number {
  const r = m.row[seat];
  return r < 0 ? m.sections[m.section[seat]].pitch : m.rows[r].pitch;
}

/**
 * Where the middle of a text is, seen from the last seat of a row, that stands
 * beyond it and leaves it the room r; the text's half sizes are w and h.
 */
export function beyond(end: Point, next: Point, r: number, w: number, h: number): Point {
  const [dx, dy] = [end.x - next.x, end.y - next.y];
  const length = Math.hypot(dx, dy) || 1;
  const away = r + (w * Math.abs(dx) + h * Math.abs(dy)) / length;
  return { x: (dx / length) * away, y: (dy / length) * away };
}

/** What a shape covers; its text may reach out. */
function boxOfShape(s: Shape): Box {
  const box = emptyBox();
  const a = ((s.rotation ?? 0) * Math.PI) / 180;
  for (const p of cornersOf(s)) {
    const x = s.x + p.x * Math.cos(a) - p.y * Math.sin(a);
    const y = s.y + p.x * Math.sin(a) + p.y * Math.cos(a);
    grow(box, [x, y, x, y]);
  }
  return box;
}

function cornersOf(s: Shape): Point[] {
  const [w, h] = [s.width ?? 0, s.height ?? 0];
  switch (s.kind) {
    case "polygon":
      return s.points ?? [];
    case "ellipse":
      return [
        { x: -w / 2, y: -h / 2 },
        { x: w / 2, y: -h / 2 },
        { x: w / 2, y: h / 2 },
        { x: -w / 2, y: h / 2 },
      ];
    case "rectangle":
      return [
        { x: 0, y: 0 },
        { x: w, y: 0 },
        { x: w, y: h },
        { x: 0, y: h },
      ];
    default:
      return [s.text_at ?? { x: 0, y: 0 }];
  }
}

function tiersOf(m: Model, first: number, count: number): number[] {
  const seen: number[] = [];
  for (let i = first, last = NONE; i < first + count; i++) {
    const t = m.tier[i];
    if (t !== last && t !== NONE && !seen.includes(t)) seen.push(t);
    last = t;
  }
  return seen.sort((a, b) => a - b);
}

/**
 * The usual distance of a seat to its nearest neighbour: half of the pairs in
 * the rows and of the steps from row to row are at least so far apart.
 */
function pitchOf(m: Model, rows: Row[]): number {
  const beside: number[] = [];
  const behind: number[] = [];
  const step = Math.max(1, Math.floor(rows.length / 8));
  for (let r = 0; r < rows.length; r += step) {
    const { first, count } = rows[r];
    for (let i = first; i < first + Math.min(count, 12) - 1; i++) beside.push(distance(m, i, i + 1));
    if (r + 1 < rows.length && rows[r + 1].first < m.n) behind.push(nearestIn(m, first + (count >> 1), rows[r + 1]));
  }
  const width = upper(beside);
  const depth = upper(behind);
  if (!width || !depth) return width || depth || 20;
  return Math.min(width, depth);
}

function nearestIn(m: Model, seat: number, row: Row): number {
  let best = Infinity;
  for (let i = row.first; i < row.first + row.count; i++) best = Math.min(best, distance(m, seat, i));
  return best;
}

/** Where a section's name stands: on the middle row, so that it lies inside of a curved one. */
function middleOf(m: Model, s: Section, rows: Row[]): Point {
  if (s.standing || rows.length === 0) return { x: (s.box[0] + s.box[2]) / 2, y: (s.box[1] + s.box[3]) / 2 };
  const row = rows[rows.length >> 1];
  const a = row.first + ((row.count - 1) >> 1);
  const b = row.first + (row.count >> 1);
  return { x: (m.x[a] + m.x[b]) / 2, y: (m.y[a] + m.y[b]) / 2 };
}

function boxRow(m: Model, r: Row, index: number, pad: number): void {
  let [left, top, right, bottom] = emptyBox();
  for (let s = r.first; s < r.first + r.count; s++) {
    left = Math.min(left, m.x[s]);
    top = Math.min(top, m.y[s]);
    right = Math.max(right, m.x[s]);
    bottom = Math.max(bottom, m.y[s]);
  }
  m.rowBox.set([left - pad, top - pad, right + pad, bottom + pad], index * 4);
}

export function distance(m: Model, a: number, b: number): number {
  return Math.hypot(m.x[a] - m.x[b], m.y[a] - m.y[b]);
}

export function emptyBox(): Box {
  return [Infinity, Infinity, -Infinity, -Infinity];
}

export function grow(box: Box, by: Box): void {
  box[0] = Math.min(box[0], by[0]);
  box[1] = Math.min(box[1], by[1]);
  box[2] = Math.max(box[2], by[2]);
  box[3] = Math.max(box[3], by[3]);
}

export function overlap(a: Box, b: Box): boolean {
  return a[0] <= b[2] && b[0] <= a[2] && a[1] <= b[3] && b[1] <= a[3];
}
