import assert from "node:assert/strict";
import { test } from "node:test";
import vectors from "../../internal/ticket/testdata/door-vectors.json";
import { Clock } from "../gate/clock";
import { Door } from "../gate/door";
import { decodeList } from "../gate/list";
import type { NamePage } from "../gate/names";
import { type Memory, type Store, usual } from "../gate/store";
import { type DoorState, Refused, type Wire } from "../gate/wire";

const bytes = (base64: string): Uint8Array => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
const list = decodeList(bytes(vectors.changes.base64), decodeList(bytes(vectors.list.base64), null));
const listed = new Set(vectors.checks.filter((c) => !c.refused).map((c) => `${c.booking} ${c.seat} ${c.issue}`));
const good = vectors.tokens.find(
  (t) => !t.refused && t.plan_version === list.plan && listed.has(`${t.booking} ${t.seat} ${t.issue}`),
) as (typeof vectors.tokens)[number];

/**
 * A device that is paired, at a time, on which everything that it stores fails or is noted. If
 * scans are answered it is online, and what it hears is never stored.
 */
function device(full: boolean, names: NamePage[] = [], scans?: Wire["scans"]) {
  let now = Date.parse("2026-03-01T18:00:00Z");
  const stored: string[] = [];
  const store = new Proxy({} as Store, {
    get:
      (_, name) =>
      (...given: unknown[]): Promise<void> => {
        stored.push(`${String(name)} ${given.length}`);
        if (scans && name === "sent") return new Promise(() => undefined);
        return full ? Promise.reject(new DOMException("no room", "QuotaExceededError")) : Promise.resolve();
      },
  });
  const state = {
    device: { id: "d1", name: "Left", entrance: "main", names: true, valid_until: "2026-03-05T00:00:00Z" },
    event: { id: vectors.event, title: "Gala" },
    settings: { reentry: "after-exit", alone: "admit", entrances: [{ id: "main", name: "Main" }] },
    keys: { keys: vectors.keys },
    now: now * 1000,
    list: { seq: 0, rev: 0 },
    plan: "",
  } as unknown as DoorState;
  const memory: Memory = {
    device: { id: "d1", token: "t" },
    state,
    list,
    plan: null,
    clock: null,
    cursor: "",
    counter: 0,
    choices: usual,
    own: [],
    others: [],
    names,
  };
  const wire = new Proxy({} as Wire, {
    get: (_, name) => (scans && name === "scans" ? scans : () => Promise.reject(new Refused(0, "no-answer"))),
  });
  let fulls = 0;
  const door = new Door(
    store,
    wire,
    memory,
    { changed: () => undefined, late: () => undefined, full: () => fulls++, ended: () => undefined },
    new Clock(
      () => now,
      () => now,
    ),
  );
  door.online = scans !== undefined;
  return {
    door,
    stored,
    state,
    fulls: () => fulls,
    pass: (ms: number): void => {
      now += ms;
    },
  };
}

test("a device whose storage is full goes on, says so, and keeps what it has scanned", async () => {
  const { door, fulls } = device(true);
  const first = await door.scan(good.token, "in", "camera");
  assert.deepEqual([first.admitted, first.reason, first.alone], [true, "ok", "device"]);
  const second = await door.scan(good.token, "in", "camera");
  assert.deepEqual([second.admitted, second.reason], [false, "already-inside"]);
  assert.ok(fulls() > 0);
  assert.equal(door.queue.length, 2, "both wait to be sent");
});

test("what a gate node has decided alone is said so, however long it takes to store it", async () => {
  const { door } = device(false, [], (list) =>
    Promise.resolve({
      now: 0,
      items: list.map((s) => ({
        counter: s.counter,
        at: s.at,
        n: s.n,
        outcome: "admitted",
        reason: "ok",
        alone: true,
        name: "Ida",
      })),
    }),
  );
  const o = await door.scan(good.token, "in", "camera");
  assert.deepEqual([o.admitted, o.reason, o.alone, o.name], [true, "ok", "node", "Ida"]);
});

test("a thousand guesses let nobody in", async () => {
  const { door } = device(false);
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  const reasons = new Set<string>();
  for (let i = 0; i < 1000; i++) {
    const at = 8 + (i % (good.token.length - 9)); // anywhere but in its version
    const other = letters[(letters.indexOf(good.token[at]) + 1 + (i % 30)) % 32];
    const o = await door.scan(good.token.slice(0, at) + other + good.token.slice(at + 1), "in", "wedge");
    assert.ok(!o.admitted, `guess ${i}`);
    reasons.add(o.reason);
  }
  for (const reason of reasons) assert.ok(["malformed", "unknown-key", "forged"].includes(reason), reason);
  assert.equal(door.fold.entered, 0);
});

const page: NamePage = {
  page: 0,
  digest: "x",
  items: [{ booking_id: `${vectors.event}${"0".repeat(20)}`, name: "Ada", list: "Press", ordinals: [1] }],
};

test("names go when the device's time is over, after a day alone, and with the right", () => {
  const kept = device(false, [page]);
  assert.ok(kept.door.knowsNames);
  assert.deepEqual([...kept.door.lists().keys()], ["Press"]);
  kept.pass(23 * 3_600_000);
  assert.ok(kept.door.knowsNames);
  assert.ok(!kept.stored.includes("forgetNames 0"));
  kept.pass(2 * 3_600_000);
  assert.ok(!kept.door.knowsNames);
  assert.equal(kept.door.lists().size, 0);
  assert.ok(kept.stored.includes("forgetNames 0"), "they are deleted, not hidden");

  const late = device(false, [page]);
  late.state.now += 4 * 86_400_000_000; // it has had contact since
  late.pass(4 * 86_400_000 - 1);
  assert.ok(!late.door.knowsNames, "its time is over");
  assert.ok(late.stored.includes("forgetNames 0"));

  const without = device(false, [page]);
  without.state.device.names = false;
  assert.ok(!without.door.knowsNames);
  assert.ok(without.stored.includes("forgetNames 0"));
});
