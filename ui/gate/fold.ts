// Who is inside: a pure fold over all entries in one order, the same as the server's.
import type { Mark, Ref } from "./entry";

/** What the entries of a seat amount to. */
export interface State {
  inside: boolean;
  entered: boolean; // at least once
  first: Mark | null; // the first time in
  since: Mark | null; // while inside: the entry that came in
}

export interface Count {
  inside: number;
  entered: number; // at least once
}

const nobody: State = { inside: false, entered: false, first: null, since: null };

function before(a: Mark, b: Mark): number {
  if (a.at !== b.at) return a.at - b.at;
  if (a.n !== b.n) return a.n - b.n;
  if (a.device !== b.device) return a.device < b.device ? -1 : 1;
  return a.counter - b.counter;
}

/** Folds the admitted entries of one seat that were not undone, which are in order. */
export function fold(marks: Mark[]): State {
  const state: State = { ...nobody };
  for (const m of marks) {
    if (m.kind === "out") {
      state.inside = false;
      state.since = null;
      continue;
    }
    state.first ??= m;
    if (!state.inside) state.since = m;
    state.inside = true;
    state.entered = true;
  }
  return state;
}

/** The device of the organizer's corrections, which may undo the scans of any other. */
const OFFICE = "office";

const name = (of: Ref): string => `${of.device}/${of.counter}`;

/** All entries that this device knows, and what they amount to. Adding one twice changes nothing. */
export class Fold {
  private entries = new Map<string, Mark>();
  private undone = new Set<string>();
  private seats = new Map<string, Mark[]>(); // in order, with what was undone
  private states = new Map<string, State>();
  inside = 0;
  entered = 0;
  /** By entrance: who came in there last and is inside, and who came in there first. */
  readonly entrances = new Map<string, Count>();

  /** Adds entries, or replaces what is known of them: a device may have decided alone what it had asked. */
  add(marks: Mark[]): void {
    const touched = new Set<string>();
    for (const m of marks) {
      const old = this.entries.get(name(m));
      if (old) this.take(old, touched);
      this.entries.set(name(m), m);
      if (m.kind !== "undo") {
        const list = this.seats.get(m.key) ?? [];
        let i = list.length;
        while (i > 0 && before(list[i - 1], m) > 0) i--;
        list.splice(i, 0, m);
        this.seats.set(m.key, list);
        touched.add(m.key);
      } else if (m.of && m.admitted && (m.device === m.of.device || m.device === OFFICE)) {
        this.undone.add(name(m.of));
        const target = this.entries.get(name(m.of));
        if (target) touched.add(target.key);
      }
    }
    for (const key of touched) this.again(key);
  }

  /** Whether an entry was undone. */
  isUndone(of: Ref): boolean {
    return this.undone.has(name(of));
  }

  of(key: string): State {
    return this.states.get(key) ?? nobody;
  }

  private at(entrance: string): Count {
    const known = this.entrances.get(entrance) ?? { inside: 0, entered: 0 };
    this.entrances.set(entrance, known);
    return known;
  }

  /** All seats that were ever scanned, by key. */
  [Symbol.iterator](): IterableIterator<[string, State]> {
    return this.states.entries();
  }

  /** A stamp of an entry that was decided by those of a seat: behind all of them, however wrong the clocks are. */
  after(key: string, { at, n }: { at: number; n: number }): { at: number; n: number } {
    for (const m of this.seats.get(key) ?? [])
      if (m.at > at || (m.at === at && m.n >= n)) {
        at = m.at;
        n = m.n + 1;
      }
    return { at, n };
  }

  private take(old: Mark, touched: Set<string>): void {
    const list = this.seats.get(old.key);
    const i = list?.indexOf(old) ?? -1;
    if (list && i >= 0) {
      list.splice(i, 1);
      touched.add(old.key);
    }
  }

  private again(key: string): void {
    const was = this.of(key);
    const now = fold((this.seats.get(key) ?? []).filter((m) => m.admitted && !this.undone.has(name(m))));
    this.states.set(key, now);
    for (const [state, by] of [
      [was, -1],
      [now, 1],
    ] as const) {
      if (state.since) this.at(state.since.entrance).inside += by;
      if (state.first) this.at(state.first.entrance).entered += by;
    }
    this.inside += Number(now.inside) - Number(was.inside);
    this.entered += Number(now.entered) - Number(was.entered);
  }
}
