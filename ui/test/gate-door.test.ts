import assert from "node:assert/strict";
import { test } from "node:test";
import { Clock } from "../gate/clock";
import { decide, type Question, type Rules, type Settings, untimed } from "../gate/decide";
import { Door, inTime } from "../gate/door";
import type { Answer, Mark, Own, Scan } from "../gate/entry";
import { owner } from "../gate/entry";
import { Fold } from "../gate/fold";
import { Events } from "../gate/live";
import { codeIn } from "../gate/pairing";
import { spot } from "../gate/plan";
import { Queue } from "../gate/queue";
import { Repeats } from "../gate/repeats";
import type { Memory, Store } from "../gate/store";
import { digest, type Ticket } from "../gate/token";
import { Burst } from "../gate/wedge";
import { type DoorState, Refused, type Wire } from "../gate/wire";

// Who is inside

const mark = (device: string, counter: number, at: number, kind: Mark["kind"], more: Partial<Mark> = {}): Mark => ({
  device,
  counter,
  at,
  n: 0,
  kind,
  key: kind === "undo" ? "" : "7:ab",
  admitted: true,
  entrance: "main",
  ...more,
});

function shuffled<T>(list: T[], seed: number): T[] {
  const out = [...list];
  for (let i = out.length - 1; i > 0; i--) {
    seed = (seed * 1103515245 + 12345) % 2147483648;
    const j = seed % (i + 1);
    [out[i], out[j]] = [out[j], out[i]];
  }
  return out;
}

test("whatever comes in whatever order, and how often, amounts to the same", () => {
  const marks = [
    mark("a", 1, 100, "in"),
    mark("b", 1, 200, "in"), // a double
    mark("a", 2, 300, "undo", { of: { device: "b", counter: 1 } }), // is taken away
    mark("a", 3, 400, "out"),
    mark("b", 2, 500, "in"),
    mark("b", 3, 500, "in", { n: 1 }), // another double
    mark("c", 1, 600, "in", { admitted: false }), // was refused
    mark("c", 2, 50, "out"), // late, of an early time
  ];
  for (let seed = 1; seed < 200; seed++) {
    const fold = new Fold();
    const order = shuffled([...marks, ...marks.slice(seed % 8)], seed);
    const cut = seed % order.length;
    fold.add(order.slice(0, cut));
    fold.add(order.slice(cut));
    const state = fold.of("7:ab");
    assert.deepEqual(
      [state.inside, state.entered, state.since?.device, state.since?.counter, state.first?.counter],
      [true, true, "b", 2, 1],
      `seed ${seed}`,
    );
    assert.deepEqual([fold.inside, fold.entered], [1, 1]);
  }
});

test("what a device has decided alone replaces what it had asked", () => {
  const fold = new Fold();
  fold.add([mark("a", 1, 100, "in", { admitted: false })]);
  assert.equal(fold.inside, 0);
  fold.add([mark("a", 1, 140, "in")]);
  assert.deepEqual([fold.inside, fold.of("7:ab").since?.at], [1, 140]);
});

test("a seat that is sold again is another guest's, and one that is re-issued is not", () => {
  const booking = new Uint8Array(22).fill(1),
    other = new Uint8Array(22).fill(2);
  assert.ok(owner(7, digest(booking, 7, 1, 0)) !== owner(7, digest(other, 7, 1, 0)));
  assert.equal(owner(7, digest(booking, 7, 1, 0)), owner(7, digest(booking, 7, 1, 0)));
});

// Decisions

const booking = Uint8Array.from({ length: 22 }, (_, i) => i);
const ticket: Ticket = {
  text: "",
  kind: "fixed",
  key: "",
  booking,
  seat: 2,
  plan: 1,
  issue: 0,
  at: 0,
  timed: false,
  signed: booking,
  signature: booking,
};
const event = "000g40r40m30e209";
const usual: Settings = { reentry: "after-exit", alone: "admit" };

function ask(more: Partial<Question> = {}, settings: Partial<Settings> = {}, marks: Mark[] = []): string {
  const fold = new Fold();
  const key = owner(2, digest(booking, 2, 1, 0));
  fold.add(marks.map((m) => ({ ...m, key: m.kind === "undo" ? "" : key })));
  const list = { event, plan: 1, seq: 1, rev: 0, made: 0, digests: new Uint32Array([0, 0, digest(booking, 2, 1, 0)]) };
  const v = decide({
    read: { ticket, fault: null },
    kind: "in",
    event,
    list,
    state: (k) => fold.of(k),
    section: () => "stalls",
    entrance: { id: "main", name: "Main entrance" },
    settings: { ...usual, ...settings },
    now: Date.parse("2026-03-01T18:00:00Z"),
    timed: true,
    ...more,
  });
  return v.admitted ? "ok" : v.reason;
}

test("a device decides as the rules say", () => {
  const entered = [mark("b", 1, 100, "in")];
  const left = [...entered, mark("b", 2, 200, "out")];
  assert.equal(ask(), "ok");
  assert.equal(ask({}, {}, entered), "already-inside");
  assert.equal(ask({}, {}, left), "ok");
  assert.equal(ask({}, { reentry: "never" }, left), "no-reentry");
  assert.equal(ask({}, { reentry: "never" }, entered), "already-inside");
  assert.equal(ask({}, { reentry: "always" }, entered), "ok");
  assert.equal(ask({}, {}, [...entered, mark("b", 3, 300, "undo", { of: { device: "b", counter: 1 } })]), "ok");
  assert.equal(ask({ kind: "out" }), "not-inside");
  assert.equal(ask({ kind: "out" }, {}, entered), "ok");
  assert.equal(ask({ kind: "out", read: { ticket: { ...ticket, issue: 9 }, fault: null } }, {}, entered), "ok");
  assert.equal(ask({}, { opens_at: "2026-03-01T19:00:00Z" }), "too-early");
  assert.equal(ask({}, { closes_at: "2026-03-01T17:00:00Z" }), "too-late");
  assert.equal(ask({ kind: "out" }, { closes_at: "2026-03-01T17:00:00Z" }, entered), "ok");
  assert.equal(ask({ entrance: { id: "b", name: "Balcony", sections: ["balcony"] } }), "wrong-entrance");
  assert.equal(ask({ entrance: { id: "b", name: "Stalls", sections: ["stalls"] } }), "ok");
  const own = (rules: Partial<Rules>): Partial<Question> => ({ entrance: { id: "vip", name: "VIP", ...rules } });
  assert.equal(ask(own({ opens_at: "2026-03-01T17:30:00Z" }), { opens_at: "2026-03-01T19:00:00Z" }), "ok");
  assert.equal(ask(own({ opens_at: "2026-03-01T18:30:00Z" })), "too-early");
  assert.equal(ask(own({ closes_at: "2026-03-01T18:00:00Z" })), "too-late");
  assert.equal(ask(own({ reentry: "always" }), {}, entered), "ok");
  assert.equal(ask(own({ reentry: "never" }), {}, left), "no-reentry");
  assert.equal(ask(own({ reentry: "after-exit" }), { reentry: "never" }, left), "ok");
  assert.equal(ask({}, { alone: "refuse" }), "alone");
  assert.equal(ask({}, { alone: "refuse" }, entered), "already-inside");
  assert.equal(ask({ event: "000g40r40m30e20a" }), "other-event");
  assert.equal(ask({ read: { ticket: null, fault: "malformed" } }), "malformed");
  assert.equal(ask({ read: { ticket, fault: "forged" } }), "forged");
  assert.equal(ask({ read: { ticket: { ...ticket, seat: 1 }, fault: null } }), "not-sold");
  assert.equal(ask({ read: { ticket: { ...ticket, seat: 99 }, fault: null } }), "not-sold");
});

test("a device alone refuses copies of codes that change, and marks what it cannot check", () => {
  const now = Date.parse("2026-03-01T18:00:00Z");
  const shown = (kind: Ticket["kind"], age: number, timed = true): Ticket => ({
    ...ticket,
    kind,
    timed,
    at: now / 1000 - age,
  });
  const said = (
    t: Ticket,
    more: Partial<Question> = {},
    settings: Partial<Settings> = {},
    marks: Mark[] = [],
  ): string => ask({ read: { ticket: t, fault: null }, ...more }, settings, marks);
  const only: Partial<Settings> = { codes: "rotating", paper: false };
  assert.equal(said(ticket, {}, only), "not-bound");
  assert.equal(said(ticket, {}, { codes: "rotating", paper: true }), "ok");
  assert.equal(said(ticket, { kind: "out" }, only, [mark("b", 1, 100, "in")]), "ok");
  for (const kind of ["phone", "wallet"] as const) {
    assert.equal(said(shown(kind, 0), {}, only), "ok");
    assert.equal(said(shown(kind, 10), {}, only), "ok");
    assert.equal(said(shown(kind, 11), {}, only), "stale-code");
    assert.equal(said(shown(kind, -6), {}, only), "stale-code");
    assert.equal(said(shown(kind, 3600), { timed: false }, only), "ok", "this device does not know the time");
    assert.equal(said(shown(kind, 0), {}, only, [mark("b", 1, 100, "in")]), "already-inside");
    assert.equal(said(shown(kind, 3600), { kind: "out" }, only, [mark("b", 1, 100, "in")]), "ok");
  }
  assert.equal(said(shown("phone", 3600, false), {}, only), "ok", "the phone does not know the time");
  assert.equal(said(shown("phone", 3600, false), {}, only, [mark("b", 1, 100, "in")]), "already-inside");
  const marked: [Ticket, boolean, boolean, boolean][] = [
    [ticket, true, false, false], // alone, the device knows the time, marked
    [shown("phone", 0), true, true, false],
    [shown("phone", 0), true, false, true],
    [shown("phone", 0), false, false, false], // the node has decided
    [shown("phone", 0, false), false, true, true],
    [shown("wallet", 0), true, true, true],
    [shown("wallet", 0), false, true, false],
  ];
  for (const [t, alone, timed, want] of marked)
    assert.equal(untimed(t, alone, timed), want, `${t.kind} ${alone} ${timed}`);
});

test("a decision takes no longer than 5 ms", () => {
  const digests = new Uint32Array(80_000).fill(7);
  const list = { event, plan: 1, seq: 1, rev: 0, made: 0, digests };
  const times: number[] = [];
  for (let i = 0; i < 50; i++) {
    const from = performance.now();
    ask({ list, read: { ticket: { ...ticket, issue: 200 }, fault: null } }); // the longest: an issue that is nowhere
    times.push(performance.now() - from);
  }
  times.sort((a, b) => a - b);
  assert.ok(times[0] < 5, `${times[0]} ms at best`);
});

test("what is decided alone comes after what it was decided by, whatever the clocks say", () => {
  const fold = new Fold();
  const at = 1_000_000;
  fold.add([{ ...mark("b", 1, at + 300_000, "in"), n: 2, key: "seat" }]);
  const stamp = fold.after("seat", { at, n: 0 });
  assert.deepEqual(stamp, { at: at + 300_000, n: 3 });
  assert.deepEqual(fold.after("other", { at, n: 0 }), { at, n: 0 });
  fold.add([{ ...mark("a", 1, 0, "out"), ...stamp, key: "seat" }]);
  assert.equal(fold.of("seat").inside, false);
});

test("where a seat is follows from the plan", () => {
  const plan = {
    sections: [
      {
        id: "a",
        name: "Stalls",
        first: 0,
        count: 4,
        standing: false,
        rows: [
          { label: "A", first: 0, count: 2 },
          { label: "B", first: 2, count: 2 },
        ],
      },
      { id: "b", name: "Floor", first: 4, count: 3, standing: true, rows: [] },
    ],
    numbers: ["1", "2", "1", "2", "1", "2", "3"],
  };
  assert.deepEqual(spot(plan, 3), { section: "Stalls", section_id: "a", row: "B", number: "2" });
  assert.deepEqual(spot(plan, 5), { section: "Floor", section_id: "b", row: "", number: "" });
  assert.equal(spot(plan, 7), null);
  assert.equal(spot(null, 0), null);
});

// Clock

test("a clock never goes back, and learns the server's time", () => {
  let wall = 1_000_000,
    steady = 0;
  const clock = new Clock(
    () => wall,
    () => steady,
  );
  const first = clock.now();
  assert.deepEqual([first, clock.known], [{ at: 1_000_000, n: 0 }, false]);
  assert.deepEqual(clock.now(), { at: 1_000_000, n: 1 });
  clock.learn(700_000, 999_900, 1_000_100); // five minutes fast
  assert.ok(clock.known);
  assert.equal(clock.time(), 700_000);
  assert.deepEqual(clock.now(), { at: 1_000_000, n: 2 }, "what was stamped is not passed again");
  clock.see({ at: 1_000_050, n: 5 });
  assert.deepEqual(clock.now(), { at: 1_000_000, n: 3 }, "a stamp far ahead of the time is not believed");
  wall += 300_500;
  steady += 300_500;
  assert.deepEqual(clock.now(), { at: 1_000_500, n: 0 });
  clock.see({ at: 1_000_700, n: 2 });
  assert.deepEqual(clock.now(), { at: 1_000_700, n: 3 });
  wall -= 3_600_000; // somebody sets the clock back an hour
  steady += 1_000;
  assert.equal(clock.time(), 1_001_500);
  clock.learn(1_001_900, wall - 5_000, wall + 5_000); // a slow answer says less
  assert.equal(clock.time(), 1_001_500);
  const kept = clock.keep();
  const again = new Clock(
    () => wall,
    () => steady,
  );
  again.restore(kept);
  assert.ok(again.known);
  assert.equal(again.time(), 1_001_500);
  wall -= 60_000; // set back while the page was closed
  const behind = new Clock(
    () => wall,
    () => steady,
  );
  behind.restore(kept);
  assert.ok(!behind.known, "codes that change are judged by no time that may be wrong");
});

test("a clock counts no further than the server takes", () => {
  const clock = new Clock(
    () => 1000,
    () => 0,
  );
  clock.see({ at: 1500, n: 1_000_000_000 });
  assert.deepEqual(clock.now(), { at: 1501, n: 0 });
});

test("a device is allowed at its time, also alone", () => {
  const [from, until] = ["2027-03-01T16:00:00Z", "2027-03-02T04:00:00Z"];
  const state = { device: { valid_from: from, valid_until: until } } as DoorState;
  const at = (time: string, by = 0): boolean => inTime(Date.parse(time) + by, state);
  assert.deepEqual([at(from, -1), at(from), at(until, -1), at(until)], [false, true, true, false]);
  assert.ok(inTime(0, null), "one that has never asked knows of no time");
});

test("a device goes on without the plan of an event that is not published", async () => {
  const bytes = new Uint8Array(47 + 8);
  bytes.set([..."BXDL"].map((c) => c.charCodeAt(0)));
  bytes[4] = 1;
  bytes[22] = 2; // seats
  bytes[54] = 9; // the digest of the second
  const wire = {
    state: () => Promise.resolve({ plan: "/events/e/plan", keys: { keys: [] }, device: {}, settings: {}, now: 0 }),
    list: () => Promise.resolve(bytes),
    plan: () => Promise.reject(new Refused(404, "not-found")),
    heard: () => Promise.resolve({ items: [], cursor: "", more: false }),
  } as unknown as Wire;
  const store = { set: async () => undefined, others: async () => undefined } as unknown as Store;
  const memory = { own: [], others: [], names: [], choices: {}, counter: 0 } as unknown as Memory;
  const listener = { changed: () => undefined, late: () => undefined, full: () => undefined, ended: () => undefined };
  const door = new Door(store, wire, memory, listener);
  await (door as unknown as { sync(): Promise<void> }).sync();
  assert.deepEqual([door.tickets, door.seat(1)], [1, null]);
});

// The queue

const own = (counter: number): Own => ({
  counter,
  scan: { counter, at: counter, n: 0, kind: "in", token: "T", entrance: "main", how: "camera", offset_known: true },
  key: "1:1",
  seat: 1,
  booking: "",
  admitted: false,
  reason: "ok",
  sent: false,
});

const answerTo = (scan: Scan): Answer => ({
  counter: scan.counter,
  at: scan.at,
  n: scan.n,
  outcome: scan.decided ? "recorded" : "admitted",
  reason: "ok",
});

test("scans are sent once each, in order, however the network breaks", async () => {
  for (let seed = 1; seed < 60; seed++) {
    const stored = new Map<number, Scan>(); // by the node
    let calls = 0;
    const send = async (scans: Scan[]): Promise<{ now: number; items: Answer[] }> => {
      calls++;
      const luck = (seed * 7919 + calls * 104729) % 5;
      if (luck === 0) throw new Refused(0, "no-answer"); // it never arrives
      for (const s of scans) stored.set(s.counter, s);
      if (luck === 1) throw new Refused(0, "no-answer"); // the answer is lost
      if (luck === 2) return { now: 0, items: scans.slice(0, Math.ceil(scans.length / 2)).map(answerTo) };
      return { now: 0, items: scans.map(answerTo) };
    };
    const answered: number[] = [];
    const before = Array.from({ length: 1203 }, (_, i) => own(i + 1));
    const queue = new Queue(send, { sent: async () => undefined }, (o) => answered.push(o.counter), before);
    for (let tries = 0; queue.length > 0 && tries < 100; tries++) await queue.flush().catch(() => undefined);
    assert.equal(queue.length, 0, `seed ${seed}`);
    assert.deepEqual(
      answered.sort((a, b) => a - b),
      before.map((o) => o.counter),
    );
    assert.equal(stored.size, 1203);
    assert.ok(before.every((o) => o.sent && o.admitted));
  }
});

test("a node that takes too long is not waited for, and hears what was decided meanwhile", async () => {
  let release: () => void = () => undefined;
  const heard: Scan[][] = [];
  const send = (scans: Scan[]): Promise<{ now: number; items: Answer[] }> => {
    heard.push(scans);
    const answer = { now: 0, items: scans.map(answerTo) };
    if (heard.length > 1) return Promise.resolve(answer);
    return new Promise((resolve) => {
      release = () => resolve(answer);
    });
  };
  const queue = new Queue(send, { sent: async () => undefined }, () => undefined);
  const one = own(1);
  assert.equal(await queue.ask(one, 300, (late) => late()), null);
  one.scan = { ...one.scan, decided: "refused", reason: "already-inside" };
  one.reason = "already-inside";
  release();
  await Promise.resolve();
  assert.equal(queue.length, 1, "the late answer was to another question");
  await queue.flush();
  assert.equal(heard[1][0].decided, "refused");
  assert.deepEqual([queue.length, one.admitted, one.reason], [0, false, "already-inside"]);
});

test("a question goes after what was decided before, in one request", async () => {
  const heard: number[][] = [];
  const send = async (scans: Scan[]): Promise<{ now: number; items: Answer[] }> => {
    heard.push(scans.map((s) => s.counter));
    return { now: 0, items: scans.map(answerTo) };
  };
  const queue = new Queue(send, { sent: async () => undefined }, () => undefined, [own(2), own(1)]);
  const answer = await queue.ask(own(3), 300, () => undefined);
  assert.deepEqual([heard, answer?.counter, queue.length], [[[1, 2, 3]], 3, 0]);
});

test("one scan that the node cannot take does not hold up the others", async () => {
  const taken: number[] = [];
  const send = async (scans: Scan[]): Promise<{ now: number; items: Answer[] }> => {
    if (scans.some((s) => s.counter === 3)) throw new Refused(422, "invalid");
    taken.push(...scans.map((s) => s.counter));
    return { now: 0, items: scans.map(answerTo) };
  };
  const queue = new Queue(send, { sent: async () => undefined }, () => undefined, [1, 2, 3, 4, 5].map(own));
  await queue.flush();
  assert.deepEqual([queue.length, taken], [0, [1, 2, 4, 5]]);
  const revoked = new Queue(
    () => Promise.reject(new Refused(401, "device-revoked")),
    { sent: async () => undefined },
    () => undefined,
    [own(1)],
  );
  await revoked.flush().catch(() => undefined);
  assert.equal(revoked.length, 1, "what a revoked device has scanned is kept");
});

// Reading

test("a scanner's keys are told from a person's", () => {
  const type = (text: string, pace: number, end = "Enter"): string | null => {
    const burst = new Burst();
    let at = 1000;
    for (const key of text) {
      if (key === key.toUpperCase()) burst.key("Shift", at);
      at += pace;
      burst.key(key, at);
    }
    return burst.key(end, at + pace);
  };
  const code = "AKCFNVIG".repeat(20);
  assert.equal(type(code, 5), code);
  assert.equal(type(code, 5, "Tab"), code);
  assert.equal(type("4006381333931", 10), "4006381333931", "a code of something else");
  assert.equal(type(code, 200), code, "a device that is busy");
  assert.equal(type("smith", 10), null);
  assert.equal(type("Grabowski", 120), null, "a person who types");
  const burst = new Burst();
  burst.key("x", 0);
  for (const [i, key] of [...code].entries()) burst.key(key, 5000 + i);
  assert.equal(burst.key("Enter", 5200), code, "what was typed long before does not belong to it");
  assert.equal(burst.key("Enter", 5300), null);
});

test("a ticket that stays in front of the camera is read once", () => {
  const seen = new Repeats();
  assert.ok(seen.isNew("A", 0));
  for (let t = 100; t < 20_000; t += 100) assert.ok(!seen.isNew("A", t));
  assert.ok(seen.isNew("B", 20_100));
  assert.ok(seen.isNew("A", 20_200));
  assert.ok(!seen.isNew("A", 23_100));
  assert.ok(seen.isNew("A", 26_200));
});

test("a stream is cut into events wherever it is cut into pieces", () => {
  const text = ': hello\n\nevent: scans\nid: 7\ndata: {"a":1}\n\nevent: list\r\ndata: x\r\ndata: y\r\n\r\n';
  const whole = new Events().push(text);
  assert.deepEqual(whole, [
    { event: "scans", data: '{"a":1}' },
    { event: "list", data: "x\ny" },
  ]);
  for (let cut = 0; cut < text.length; cut++) {
    const events = new Events();
    assert.deepEqual([...events.push(text.slice(0, cut)), ...events.push(text.slice(cut))], whole, `cut at ${cut}`);
  }
});

test("a pairing code is found in its address", () => {
  assert.equal(codeIn("https://tickets.example/gate#pair=abc-123"), "abc-123");
  assert.equal(codeIn("#pair=abc"), "abc");
  assert.equal(codeIn("abc"), "");
  assert.equal(codeIn("#pair=%zz"), "", "no code is worth a crash");
});
