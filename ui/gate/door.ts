// The door as this device knows it: decides about codes, keeps what it decided, and stays
// in step with the node. It has no screen; app.ts shows what it says.
import { packID } from "./bytes";
import { Clock } from "./clock";
import { decide, type Entrance, keyOf, listed, passing, type Question, untimed, type Verdict } from "./decide";
import type { Answer, Earlier, How, Kind, Mark, Own, Reason, Ref, Scan, Spot } from "./entry";
import { markOf, owner } from "./entry";
import { Fold } from "./fold";
import { decodeList, expected, type List } from "./list";
import { follow, type Told } from "./live";
import { type Named, Names } from "./names";
import { shortened, spot } from "./plan";
import { Queue } from "./queue";
import { isFull, type Memory, type Store } from "./store";
import { bookingOf, Keys, read, reference } from "./token";
import { type DoorState, type Guest, type Heard, Refused, type Wire } from "./wire";

/** How long the node may take before this device decides alone, ms. */
const PATIENCE = 300;
/** Between two tries to reach the node, ms: what was decided alone is told within a second after healing. */
const AGAIN = 500;

/** Names are not asked for more often than this, ms. */
const NAMES_EVERY = 10_000;
/** Names are deleted on a device that has not reached the node for so long, ms. */
const NAMES_ALONE = 24 * 3_600_000;
/** How many seats a search finds at most. */
const FOUND = 50;

/** Who has decided about a scan without the box office: this device, a gate node, or nobody. */
export type Alone = "device" | "node" | false;

/** What became of a scan. */
export interface Outcome {
  kind: Kind;
  admitted: boolean;
  reason: Reason;
  ordinal: number;
  seat: Spot | null;
  name?: string;
  list?: string; // of guests
  first?: Earlier;
  alone: Alone;
  untimed?: boolean; // the code changes with time, which nobody could check
}

/** Who came in, by entrance or section. */
export interface Numbers {
  name: string;
  inside: number;
  entered: number;
  tickets?: number; // of a section
}

/** What a door tells whoever shows it. */
export interface Listener {
  changed(): void; // numbers, connection, settings
  late(own: Own, answer: Answer): void; // what the node says of a scan that was decided alone
  full(): void; // the storage is
  ended(why: "revoked" | "not-now"): void;
}

export class Door {
  readonly clock: Clock;
  readonly fold = new Fold();
  readonly queue: Queue;
  online = false;
  mine = 0;
  private keys: Keys;
  private signed = false; // the office itself answers, so its time is right
  private expected = 0;
  private turn: Promise<unknown> = Promise.resolve();
  private wake: () => void = () => undefined;
  private stream: AbortController | null = null;
  private over = false;
  private listing: Promise<void> | null = null;
  private stale = false; // the list has changed since it was asked for
  private names: Names;
  private naming: Promise<void> | null = null;
  private unnamed = false; // the names may have changed since they were asked for

  constructor(
    private store: Store,
    private wire: Wire,
    readonly memory: Memory,
    private tell: Listener,
    clock = new Clock(),
  ) {
    this.clock = clock;
    if (memory.clock) clock.restore(memory.clock);
    this.keys = new Keys(memory.state?.keys.keys ?? []);
    if (memory.list) this.expected = expected(memory.list);
    this.names = new Names(memory.names);
    memory.names = [];
    this.tend();
    this.fold.add(memory.others);
    this.fold.add(memory.own.map((o) => markOf(o, this.device)));
    for (const o of memory.own) this.counted(o, 1);
    this.queue = new Queue(
      (scans) => this.send(scans),
      { sent: (list) => this.keep(this.store.sent(list)) },
      (own, answer) => this.answered(own, answer),
      memory.own,
    );
  }

  get device(): string {
    return this.memory.device?.id ?? "";
  }

  get state(): DoorState | null {
    return this.memory.state;
  }

  get list(): List | null {
    return this.memory.list;
  }

  /** How many tickets the list has. */
  get tickets(): number {
    return this.expected;
  }

  get entrance(): Entrance {
    const id = this.state?.device.entrance || this.memory.choices.entrance || "";
    return this.entranceOf(id) ?? this.all[0] ?? { id, name: id };
  }

  private get all(): Entrance[] {
    return this.state?.settings.entrances ?? [];
  }

  entranceOf(id: string): Entrance | undefined {
    return this.all.find((e) => e.id === id);
  }

  entranceName(id: string): string {
    return this.entranceOf(id)?.name ?? id;
  }

  seat(ordinal: number): Spot | null {
    return ordinal < 0 ? null : spot(this.memory.plan, ordinal);
  }

  // Scanning

  /** Decides about a code that was read, one after the other. */
  scan(code: string, kind: "in" | "out", how: How): Promise<Outcome> {
    return this.inTurn(async () => {
      const found = await read(code, this.keys);
      if (!found.ticket) return this.outcome(kind, { admitted: false, reason: found.fault, seat: -1, key: "" });
      const own = this.own(kind, how, { token: found.ticket.text });
      own.key = keyOf(found.ticket, this.list);
      own.seat = found.ticket.seat;
      own.booking = bookingOf(found.ticket);
      const { ticket } = found;
      const o = await this.settle(own, () => decide({ ...this.question(kind), read: found }));
      return {
        ...o,
        untimed: o.admitted && kind === "in" && untimed(ticket, o.alone !== false, own.scan.offset_known),
      };
    });
  }

  /** Decides about a guest who was found by name or reference. */
  admit(guest: Guest, kind: "in" | "out"): Promise<Outcome> {
    return this.inTurn(async () => {
      const own = this.own(kind, "search", { booking_id: guest.booking_id, ordinal: guest.ordinal });
      const booking = packID(guest.booking_id) ?? new Uint8Array(22);
      own.key = keyOf({ booking, seat: guest.ordinal }, this.list);
      own.seat = guest.ordinal;
      own.booking = guest.booking_id;
      return this.settle(own, () => {
        const { list } = this;
        if (list && kind === "in" && listed({ booking, seat: guest.ordinal, plan: 0, issue: 0 }, list) === "not-sold")
          return { admitted: false, reason: "not-sold", seat: guest.ordinal, key: own.key };
        return passing(this.question(kind), guest.ordinal, own.key);
      });
    });
  }

  /** Takes the last scan of this device away; null if there is none. */
  undo(): Promise<Outcome | null> {
    return this.inTurn(async () => {
      const last = [...this.memory.own]
        .reverse()
        .find((o) => o.admitted && o.scan.kind !== "undo" && !this.fold.isUndone(this.ref(o)));
      if (!last) return null;
      const own = this.own("undo", last.scan.how, { of: this.ref(last) });
      own.key = last.key;
      own.seat = last.seat;
      own.booking = last.booking;
      return this.settle(own, () => ({ admitted: true, reason: "ok", seat: last.seat, key: last.key }));
    });
  }

  private ref(o: Own): Ref {
    return { device: this.device, counter: o.counter };
  }

  private inTurn<T>(f: () => Promise<T>): Promise<T> {
    const next = this.turn.then(f, f);
    this.turn = next.catch(() => undefined);
    return next;
  }

  private question(kind: "in" | "out"): Omit<Question, "read"> {
    const { state, list, plan } = this.memory;
    return {
      kind,
      event: state?.event.id ?? "",
      list,
      state: (key) => this.fold.of(key),
      section: (seat) => spot(plan, seat)?.section_id ?? "",
      entrance: this.entrance,
      settings: state?.settings ?? { reentry: "after-exit", alone: "refuse" },
      now: this.clock.time(),
      timed: this.clock.known,
    };
  }

  private own(kind: Kind, how: How, what: Pick<Scan, "token" | "booking_id" | "ordinal" | "of">): Own {
    // What was counted last may be lost, when the storage is full or was cleared. A time is not.
    const counter = Math.max(this.memory.counter + 1, Date.now());
    this.memory.counter = counter;
    const scan: Scan = {
      counter,
      ...this.clock.now(),
      kind,
      ...what,
      entrance: this.entrance.id,
      how,
      offset_known: this.clock.known,
    };
    return { counter, scan, key: "", seat: -1, booking: "", admitted: false, reason: "ok", sent: false };
  }

  /** Stores a scan, asks the node if it can be reached, and else decides alone. */
  private async settle(own: Own, alone: () => Verdict): Promise<Outcome> {
    const kind = own.scan.kind;
    this.memory.own.push(own);
    const stored = this.keep(this.store.scan(own, this.clock.keep()));
    if (this.online) {
      const heard = await this.queue.ask(own, PATIENCE).catch((err: unknown) => this.failed(err));
      const answer = heard ?? this.queue.answerTo(own);
      if (answer) {
        const seat = answer.seat ?? this.seat(answer.ordinal ?? own.seat);
        return {
          kind,
          admitted: answer.outcome === "admitted",
          reason: answer.reason,
          ordinal: own.seat,
          seat,
          name: answer.name,
          list: answer.list,
          first: answer.first,
          alone: answer.alone ? "node" : false,
        };
      }
    } else this.queue.add(own);
    const verdict = inTime(own.scan.at, this.state) ? alone() : notNow(own);
    own.admitted = verdict.admitted;
    own.reason = verdict.reason;
    const stamp = verdict.admitted ? this.fold.after(verdict.key, own.scan) : {};
    own.scan = { ...own.scan, ...stamp, decided: verdict.admitted ? "admitted" : "refused", reason: verdict.reason };
    this.fold.add([markOf(own, this.device)]);
    this.counted(own, 1);
    await stored;
    await this.keep(this.store.scan(own, this.clock.keep()));
    this.flush();
    this.tell.changed();
    return this.outcome(kind, verdict, own.booking);
  }

  private outcome(kind: Kind, v: Verdict, booking = ""): Outcome {
    const who = this.tend() && v.seat >= 0 ? this.names.of(booking) : undefined;
    return {
      name: who?.name || undefined,
      list: who?.list,
      kind,
      admitted: v.admitted,
      reason: v.reason,
      ordinal: v.seat,
      seat: this.seat(v.seat),
      first: v.first,
      alone: v.seat >= 0 && "device",
    };
  }

  /** Counts the guests that this device has let in. */
  private counted(own: Own, by: 1): void {
    if (!own.admitted) return;
    if (own.scan.kind === "in") this.mine += by;
    if (own.scan.kind === "undo") {
      const of = this.memory.own.find((o) => o.counter === own.scan.of?.counter);
      if (of?.scan.kind === "in") this.mine -= by;
    }
  }

  /** What the node has answered to a scan. */
  private answered(own: Own, answer: Answer): void {
    this.clock.see(answer);
    if (own.scan.decided) {
      if (own.admitted && answer.reason !== "ok") this.tell.late(own, answer);
    } else this.counted(own, 1);
    this.fold.add([markOf(own, this.device)]);
    this.tell.changed();
  }

  /** Own scans of a booking, latest first: for the search without a network. */
  seen(matches: (booking: string) => boolean): Own[] {
    return this.memory.own.filter((o) => o.booking !== "" && o.scan.kind !== "undo" && matches(o.booking)).reverse();
  }

  /** Guests by name or booking number: what the node finds, or what this device knows. */
  async guests(query: string): Promise<Guest[]> {
    if (this.online || !this.names.size) {
      try {
        return (await this.wire.guests(query)).items;
      } catch (err) {
        if (!this.tend() || !this.names.size || (err instanceof Refused && !err.passing)) throw err;
      }
    }
    return this.tend() ? this.known(this.names.find(query, FOUND)).slice(0, FOUND) : [];
  }

  /** Whether this device knows names that it can search without the node. */
  get knowsNames(): boolean {
    return this.tend() && this.names.size > 0;
  }

  /** How many bookings it knows the names of. */
  get named(): number {
    return this.names.size;
  }

  /** The lists of guests, each with its seats; none on a device that may not see names. */
  lists(): Map<string, Guest[]> {
    const lists = this.tend() ? this.names.lists() : new Map<string, Named[]>();
    return new Map([...lists].map(([name, list]) => [name, this.known(list)]));
  }

  /** The seats of bookings, with who is inside as far as this device knows. */
  private known(list: Named[]): Guest[] {
    return list.flatMap((one) => {
      const booking = packID(one.booking_id);
      if (!booking) return [];
      return one.ordinals.map((seat): Guest => {
        const { inside, entered, since } = this.fold.of(keyOf({ booking, seat }, this.list));
        return {
          booking_id: one.booking_id,
          reference: reference(one.booking_id),
          ordinal: seat,
          seat: this.seat(seat) ?? { section: "", row: "", number: "" },
          name: one.name,
          list: one.list,
          inside,
          entered,
          in: since?.at,
          entrance: since?.entrance,
        };
      });
    });
  }

  // Numbers

  /** Who came in here, and is inside. */
  get here(): { inside: number; entered: number } {
    return this.fold.entrances.get(this.entrance.id) ?? { inside: 0, entered: 0 };
  }

  /** The same for all entrances: those of the rules, and others that were scanned at. */
  entrances(): Numbers[] {
    const ids = this.all.map((e) => e.id);
    for (const [id, n] of this.fold.entrances) if (!ids.includes(id) && n.inside + n.entered > 0) ids.push(id);
    return ids.map((id) => ({
      name: this.entranceName(id),
      ...(this.fold.entrances.get(id) ?? { inside: 0, entered: 0 }),
    }));
  }

  /** The same for the sections of the plan. */
  sections(): Numbers[] {
    const { plan, list } = this.memory;
    const rows = (plan?.sections ?? []).map((s) => ({ name: s.name, inside: 0, entered: 0, tickets: 0 }));
    const of = (seat: number): Numbers | undefined => {
      const i = plan?.sections.findIndex((s) => seat >= s.first && seat < s.first + s.count) ?? -1;
      return rows[i];
    };
    plan?.sections.forEach((s, i) => {
      for (const d of list?.digests.subarray(s.first, s.first + s.count) ?? []) if (d !== 0) rows[i].tickets++;
    });
    for (const [key, state] of this.fold) {
      const row = of(Number.parseInt(key, 10));
      if (!row) continue;
      row.inside += Number(state.inside);
      row.entered += Number(state.entered);
    }
    return rows;
  }

  // Names

  /** Deletes the names if this device may not keep them now; returns whether it may. */
  private tend(): boolean {
    const { state } = this.memory;
    const now = this.clock.time();
    const until = Date.parse(state?.device.valid_until ?? "");
    const may = !!state?.device.names && !(now >= until) && now < state.now / 1000 + NAMES_ALONE;
    if (!may && this.names.size > 0) this.forget();
    return may;
  }

  private forget(): void {
    this.names = new Names();
    void this.keep(this.store.forgetNames());
  }

  /** Gets the names that have changed, if this device may see them; now and then, however often it is asked. */
  private rename(): void {
    this.unnamed = true;
    this.naming ??= (async () => {
      while (this.unnamed && !this.over && this.tend() && this.online) {
        this.unnamed = false;
        await this.fetchNames();
        await new Promise((resolve) => setTimeout(resolve, NAMES_EVERY));
      }
    })()
      .catch((err: unknown) => {
        if (err instanceof Refused && err.type === "no-names") this.forget();
        else if (!(err instanceof Refused && err.passing)) this.failed(err);
      })
      .finally(() => {
        this.naming = null;
      });
  }

  private async fetchNames(): Promise<void> {
    const { pages } = await this.wire.names();
    for (const [page, digest] of pages.entries()) {
      if (this.names.digest(page) === digest) continue;
      const got = { page, ...(await this.wire.namePage(page)) };
      if (!this.tend() || this.over) return;
      this.names.put(got);
      await this.keep(this.store.namePage(got));
    }
    const gone = this.names.cut(pages.length);
    if (gone.length > 0) await this.keep(this.store.forgetNames(gone));
    this.tell.changed();
  }

  // Staying in step

  /** Follows the node until the device is unpaired or revoked. */
  async run(): Promise<void> {
    window.addEventListener("online", () => this.wake());
    window.addEventListener("offline", () => this.lost());
    const minute = setInterval(() => (this.over ? clearInterval(minute) : this.eachMinute()), 60_000);
    while (!this.over) {
      try {
        await this.sync();
        await this.listen();
      } catch (err) {
        this.failed(err);
      }
      if (this.over) return;
      this.lost();
      const woken = new Promise<void>((resolve) => {
        this.wake = resolve;
      });
      const timer = new Promise((resolve) => setTimeout(resolve, AGAIN * (0.75 + Math.random() / 2)));
      await Promise.race([woken, timer]);
    }
  }

  /** A device that scans nothing asks, too, so that the organizer sees that it is there. */
  private eachMinute(): void {
    this.tend();
    if (this.online) this.ask().catch((err: unknown) => this.failed(err));
  }

  end(): void {
    this.over = true;
    this.stream?.abort();
    this.wake();
  }

  /** Gets what has changed, and sends what waits. */
  private async sync(): Promise<void> {
    await this.ask();
    this.setOnline(true);
    await this.queue.flush();
    await this.refresh();
    await this.hear();
    this.rename();
  }

  /** Gets rules, keys and the time. */
  private async ask(): Promise<void> {
    const sent = Date.now();
    await this.take(await this.wire.state(), sent);
  }

  private async take(state: DoorState, sent: number): Promise<void> {
    const got = Date.now();
    if (JSON.stringify(state.keys) !== JSON.stringify(this.memory.state?.keys)) this.keys = new Keys(state.keys.keys);
    this.signed = state.time !== undefined && (await this.keys.checkTime(this.device, state.time));
    if (this.signed && state.time) this.clock.learn(state.time.now / 1000, sent, got);
    this.memory.state = state;
    this.tend();
    await this.keep(this.store.set({ state, clock: this.clock.keep() }));
    this.tell.changed();
  }

  /** Gets the changes of the list, one request at a time. */
  private refresh(): Promise<void> {
    this.stale = true;
    this.listing ??= (async () => {
      while (this.stale) {
        this.stale = false;
        await this.fetchList();
      }
    })().finally(() => {
      this.listing = null;
    });
    return this.listing;
  }

  private async fetchList(): Promise<void> {
    const before = this.memory.list;
    let list: List;
    try {
      list = decodeList(await this.wire.list(before), before);
    } catch (err) {
      if (err instanceof Refused || !before) throw err;
      list = decodeList(await this.wire.list(null), null); // the changes do not fit what is here
    }
    const plan = this.memory.state?.plan;
    if (plan && this.memory.plan?.version !== list.plan) {
      try {
        this.memory.plan = { ...shortened(await this.wire.plan(plan)), version: list.plan };
      } catch (err) {
        if (!(err instanceof Refused) || err.passing) throw err;
        this.memory.plan = null; // nobody may read that of an event that is not published
      }
      await this.keep(this.store.set({ plan: this.memory.plan }));
    }
    this.memory.list = list;
    this.expected = expected(list);
    await this.keep(this.store.set({ list }));
    this.tell.changed();
  }

  /** Gets the scans of other devices. */
  private async hear(): Promise<void> {
    for (let more = true; more; ) {
      const page = await this.wire.heard(this.memory.cursor);
      await this.learn(page.items, page.cursor);
      more = page.more;
    }
  }

  private async learn(items: Heard[], cursor: string): Promise<void> {
    const marks = items.filter((h) => h.device !== this.device).map(markOfHeard);
    for (const m of marks) this.clock.see(m);
    this.fold.add(marks);
    this.memory.cursor = cursor;
    await this.keep(this.store.others(marks, cursor));
    this.tell.changed();
  }

  private async listen(): Promise<void> {
    const stop = new AbortController();
    this.stream = stop;
    try {
      await follow(
        await this.wire.live(this.memory.cursor, stop.signal),
        stop,
        (t) => void this.told(t).catch((err: unknown) => this.failed(err)),
      );
    } finally {
      this.stream = null;
    }
  }

  private async told(t: Told): Promise<void> {
    switch (t.event) {
      case "scans": {
        const page = JSON.parse(t.data) as { items: Heard[]; cursor: string };
        return this.learn(page.items, page.cursor);
      }
      case "list":
        this.rename();
        return this.refresh();
      case "state":
        await this.ask();
        return this.rename();
      case "revoked":
        return this.ended("revoked");
    }
  }

  private async send(scans: Scan[]): Promise<{ now: number; items: Answer[] }> {
    const sent = Date.now();
    const answer = await this.wire.scans(scans);
    if (this.signed) this.clock.learn(answer.now / 1000, sent, Date.now());
    return answer;
  }

  private flush(): void {
    if (this.online) this.queue.flush().catch((err: unknown) => this.failed(err));
  }

  /** A request has failed: is it the network, or this device? */
  private failed(err: unknown): null {
    if (err instanceof Refused) {
      if (err.status === 401) this.ended("revoked");
      else if (err.status === 403 && err.type === "device-not-now") this.ended("not-now");
      else if (err.passing) this.lost();
    } else if (isFull(err)) this.tell.full();
    else if (!(err instanceof DOMException)) console.error(err);
    return null;
  }

  /** The node cannot be reached: decide alone, and try again. */
  private lost(): void {
    this.setOnline(false);
    this.stream?.abort();
  }

  private ended(why: "revoked" | "not-now"): void {
    if (this.over) return;
    this.end();
    this.setOnline(false);
    this.forget();
    // What it scanned before is still taken.
    void this.queue
      .flush()
      .catch(() => undefined)
      .then(() => this.tell.ended(why));
  }

  private setOnline(yes: boolean): void {
    if (this.online === yes) return;
    this.online = yes;
    this.tell.changed();
  }

  /** Waits until something is stored; what cannot be stays in memory. */
  private async keep(storing: Promise<void>): Promise<void> {
    try {
      await storing;
    } catch (err) {
      if (!isFull(err)) console.error(err);
      this.tell.full();
    }
  }
}

/** Whether a device is allowed at a time, ms: alone, nobody else keeps it from going on. */
export function inTime(at: number, state: DoorState | null): boolean {
  const { valid_from, valid_until } = state?.device ?? {};
  return !(valid_from && at < Date.parse(valid_from)) && !(valid_until && at >= Date.parse(valid_until));
}

function notNow({ seat, key }: Own): Verdict {
  return { admitted: false, reason: "not-allowed", seat, key };
}

function markOfHeard(h: Heard): Mark {
  const key = h.kind === "undo" ? "" : owner(h.ordinal ?? -1, Number.parseInt(h.digest ?? "0", 16));
  return {
    device: h.device,
    counter: h.counter,
    at: h.at,
    n: h.n,
    kind: h.kind,
    key,
    of: h.of,
    admitted: h.outcome === "admitted",
    entrance: h.entrance,
  };
}
