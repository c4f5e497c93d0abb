// What the map knows beyond the plan: which seats are free now, what the reader
// has chosen, which prices they look at. The one state that everything draws from.
import type { Model } from "./plan";
import { NONE } from "./tiers";

export const FREE = 0;
export const HELD = 1;
export const SOLD = 2;

/** What a change was about. */
export type Change =
  | { kind: "seats"; taken: number[]; freed: number[]; all: boolean } // status
  | { kind: "chosen" }
  | { kind: "filter" };

export type Toggled = "chosen" | "left" | "taken" | "full" | "priceless";

/** Places of a general-admission area. */
export interface Places {
  section: number;
  count: number;
}

export class Hall {
  readonly status: Uint8Array;
  readonly chosen = new Set<number>();
  readonly mine: Set<number>; // held by the reader already
  places: Places | null = null;
  readonly shown: boolean[]; // by tier; all false: no filter
  readonly freeIn: Int32Array; // by section
  readonly freeAt: Int32Array; // by tier
  seq = 0;
  private listeners: ((c: Change) => void)[] = [];

  constructor(
    readonly model: Model,
    readonly limit: number,
    mine: string[],
  ) {
    this.status = new Uint8Array(model.n);
    this.shown = model.tiers.map(() => false);
    this.freeIn = new Int32Array(model.sections.length);
    this.freeAt = new Int32Array(model.tiers.length);
    this.mine = new Set(this.ordinals(mine));
  }

  on(listener: (c: Change) => void): void {
    this.listeners.push(listener);
  }

  private tell(c: Change): void {
    for (const l of this.listeners) l(c);
  }

  /** The seats of some labels; unknown ones are left out. */
  ordinals(labels: string[]): number[] {
    if (labels.length === 0) return [];
    const wanted = new Set(labels);
    const out: number[] = [];
    for (let s = 0; s < this.model.n; s++) if (wanted.has(this.model.label[s])) out.push(s);
    return out;
  }

  isFree(seat: number): boolean {
    return this.status[seat] === FREE && this.model.tier[seat] !== NONE;
  }

  /** Whether the price filter lets a tier through. */
  shows(tier: number): boolean {
    return !this.filtered() || this.shown[tier] === true;
  }

  filtered(): boolean {
    return this.shown.includes(true);
  }

  filter(tier: number): void {
    this.shown[tier] = !this.shown[tier];
    if (this.shown.every(Boolean)) this.shown.fill(false);
    this.tell({ kind: "filter" });
  }

  /** Takes the state of all seats: one character each, ". free, h held, s sold". */
  snapshot(text: string, seq: number): void {
    const taken: number[] = [];
    const freed: number[] = [];
    for (let s = 0; s < this.model.n; s++) this.set(s, statusOf(text.charCodeAt(s)), taken, freed);
    this.seq = seq;
    this.count();
    this.tell({ kind: "seats", taken, freed, all: true });
  }

  /** Takes the seats that have changed. */
  differ(free: number[], held: number[], sold: number[], seq: number): void {
    const taken: number[] = [];
    const freed: number[] = [];
    for (const s of free) this.set(s, FREE, taken, freed);
    for (const s of held) this.set(s, HELD, taken, freed);
    for (const s of sold) this.set(s, SOLD, taken, freed);
    this.seq = seq;
    for (const s of taken) this.move(s, -1);
    for (const s of freed) this.move(s, 1);
    if (taken.length > 0 || freed.length > 0) this.tell({ kind: "seats", taken, freed, all: false });
  }

  private set(seat: number, is: number, taken: number[], freed: number[]): void {
    const was = this.status[seat];
    if (was === is || seat >= this.model.n) return;
    this.status[seat] = is;
    if (was === FREE) taken.push(seat);
    else if (is === FREE) freed.push(seat);
  }

  private move(seat: number, by: number): void {
    const tier = this.model.tier[seat];
    if (tier === NONE) return;
    this.freeIn[this.model.section[seat]] += by;
    this.freeAt[tier] += by;
  }

  private count(): void {
    this.freeIn.fill(0);
    this.freeAt.fill(0);
    for (let s = 0; s < this.model.n; s++) if (this.status[s] === FREE) this.move(s, 1);
  }

  /** Chooses a seat, or leaves it. */
  toggle(seat: number): Toggled {
    const { chosen } = this;
    if (chosen.delete(seat)) {
      this.tell({ kind: "chosen" });
      return "left";
    }
    if (this.model.tier[seat] === NONE) return "priceless";
    if (!this.isFree(seat)) return "taken";
    if (chosen.size >= this.limit) return "full";
    chosen.add(seat);
    this.places = null;
    this.tell({ kind: "chosen" });
    return "chosen";
  }

  /** Chooses exactly these seats. */
  choose(seats: number[]): void {
    this.chosen.clear();
    for (const s of seats.slice(0, this.limit)) if (this.isFree(s)) this.chosen.add(s);
    this.places = null;
    this.tell({ kind: "chosen" });
  }

  /** Chooses places of an area; 0 of them chooses none. */
  take(section: number, count: number): void {
    const most = Math.min(this.limit, this.freeIn[section]);
    this.chosen.clear();
    this.places = count > 0 && most > 0 ? { section, count: Math.min(count, most) } : null;
    this.tell({ kind: "chosen" });
  }

  /** Lets go of chosen seats that are free no more, and names them. */
  drop(taken: number[]): number[] {
    const lost = taken.filter((s) => this.chosen.delete(s));
    if (lost.length > 0) this.tell({ kind: "chosen" });
    return lost;
  }

  /** All-in, in minor units. */
  total(): number {
    let sum = 0;
    for (const s of this.chosen) sum += this.model.tiers[this.model.tier[s]].price;
    if (this.places) sum += this.places.count * this.priceIn(this.places.section);
    return sum;
  }

  size(): number {
    return this.places ? this.places.count : this.chosen.size;
  }

  /** The lowest price of a section, in minor units. */
  priceIn(section: number): number {
    const tiers = this.model.sections[section].tiers;
    return tiers.length === 0 ? 0 : Math.min(...tiers.map((t) => this.model.tiers[t].price));
  }
}

function statusOf(code: number): number {
  switch (code) {
    case 46: // .
      return FREE;
    case 104: // h
      return HELD;
    default:
      return SOLD;
  }
}
