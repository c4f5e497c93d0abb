import assert from "node:assert/strict";
import { test } from "node:test";
import vectors from "../../internal/ticket/testdata/door-vectors.json";
import { decode32, encode32, hex, packID, unpackID } from "../gate/bytes";
import { listed } from "../gate/decide";
import { decodeList } from "../gate/list";
import { bookingOf, digest, eventOf, fresh, Keys, parse, read, reference, stem } from "../gate/token";

const ofBase64 = (text: string): Uint8Array => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
const packed = (id: string): Uint8Array => packID(id) ?? new Uint8Array();
const hex32 = (n: number): string => n.toString(16).padStart(8, "0");

/** Keys without the browser's own Ed25519: as on older phones. */
async function slowKeys(): Promise<Keys> {
  const { importKey } = crypto.subtle;
  crypto.subtle.importKey = () => Promise.reject(new Error("not here"));
  const keys = new Keys(vectors.keys);
  await keys.check({ ...(parse(vectors.tokens[0].token) as NonNullable<ReturnType<typeof parse>>) });
  crypto.subtle.importKey = importKey;
  return keys;
}

test("codes are read as the server reads them, by the browser's Ed25519 and without", async () => {
  for (const keys of [new Keys(vectors.keys), await slowKeys()]) {
    for (const v of vectors.tokens) {
      const { ticket, fault } = await read(v.token, keys);
      const other = ticket && fault === null && eventOf(ticket) !== vectors.event ? "other-event" : undefined;
      assert.equal(fault ?? other, v.refused, v.name);
      if (!ticket || fault) continue;
      assert.equal(bookingOf(ticket), v.booking, v.name);
      assert.deepEqual([ticket.seat, ticket.plan, ticket.issue], [v.seat, v.plan_version, v.issue], v.name);
      assert.deepEqual([ticket.kind, ticket.at, ticket.timed], [v.kind, v.at ?? 0, v.timed ?? false], v.name);
      assert.equal(ticket.phone ? hex(ticket.phone.key) : undefined, v.phone, v.name);
    }
  }
});

test("a code is as fresh as the server says", () => {
  for (const v of vectors.fresh)
    assert.equal(fresh({ kind: "phone", at: v.at }, v.now), v.fresh, `${v.now - v.at * 1000}`);
  assert.ok(fresh({ kind: "fixed", at: 0 }, vectors.fresh[0].now));
});

test("a time counts if the office has signed it for this reader", async () => {
  for (const keys of [new Keys(vectors.keys), await slowKeys()])
    for (const v of vectors.times) assert.equal(await keys.checkTime(v.reader, v), v.good, JSON.stringify(v));
});

test("what stays of a code that changes tells tickets apart", () => {
  const [now, later] = vectors.phones.slice(1);
  assert.ok(now.code !== later.code);
  assert.equal(stem(now.code), stem(later.code));
  const wallet = vectors.tokens.find((t) => t.kind === "wallet" && !t.refused)?.token ?? "";
  assert.equal(stem(wallet), wallet.slice(0, 162));
  assert.equal(stem(vectors.tokens[0].token), vectors.tokens[0].token);
});

test("any bit of a phone's code that is turned is seen", async () => {
  const keys = new Keys(vectors.keys);
  const bytes = decode32(vectors.phones[0].code) ?? new Uint8Array();
  assert.equal(bytes.length, 203);
  for (let at = 0; at < bytes.length; at++) {
    const other = bytes.slice();
    other[at] ^= 1 << (at % 8);
    assert.ok((await read(encode32(other), keys)).fault !== null, `byte ${at}`);
  }
});

test("a scanner that is set to other keys than the device swaps Y and Z", async () => {
  const swapped = (text: string): string => text.replace(/[YZ]/g, (c) => (c === "Y" ? "Z" : "Y"));
  const keys = new Keys(vectors.keys);
  for (const v of vectors.tokens.filter((t) => !t.refused)) {
    const { ticket, fault } = await read(swapped(v.token.toUpperCase()).toLowerCase(), keys);
    assert.equal(fault, null, v.name);
    assert.equal(ticket?.text, v.token.toUpperCase(), "the code is sent as it was signed");
  }
  const forged = vectors.tokens.find((t) => t.refused === "forged")?.token ?? "";
  assert.equal((await read(forged, keys)).fault, "forged");
});

test("damaged codes are no tickets, whatever they are", () => {
  const good = vectors.tokens[0].token;
  for (const code of [
    "",
    " ",
    "A",
    good.slice(1),
    `${good}A`,
    good.replace("A", "1"),
    "https://tickets.example/",
    "\u0000",
    "Ä".repeat(162),
    "A".repeat(5000),
  ])
    assert.equal(parse(code), null, code.slice(0, 20));
  for (let i = 0; i < 2000; i++) {
    const bytes = crypto.getRandomValues(new Uint8Array(i % 120));
    const ticket = parse(encode32(bytes));
    assert.ok(ticket === null || bytes.length === 95 || bytes.length === 101, "a length of no version");
    assert.equal(
      parse(encode32(crypto.getRandomValues(new Uint8Array(203)).fill(3, 0, 1).fill(9, 133, 134))),
      null,
      "flags",
    );
  }
});

test("digests are those of the server, and never zero", () => {
  for (const v of vectors.digests)
    assert.equal(hex32(digest(packed(v.booking), v.seat, v.plan_version, v.issue)), v.digest, v.booking);
});

test("a list and its changes are read as the server has written them", () => {
  const list = decodeList(ofBase64(vectors.list.base64), null);
  assert.deepEqual(
    [list.event, list.plan, list.seq, list.rev, list.made],
    [vectors.event, 1, vectors.list.ledger_seq, vectors.list.issue_rev, vectors.list.made_at],
  );
  assert.deepEqual(
    [...list.digests].map(hex32),
    vectors.list.seats.map((s) => s.digest),
  );
  const now = decodeList(ofBase64(vectors.changes.base64), list);
  assert.deepEqual([now.seq, now.rev], [vectors.changes.ledger_seq, vectors.changes.issue_rev]);
  for (const s of vectors.changes.seats) assert.equal(hex32(now.digests[s.seat]), s.digest);
  assert.equal(now.digests[3], list.digests[3]);
  for (const v of vectors.checks) {
    const ticket = { booking: packed(v.booking), seat: v.seat, plan: v.plan_version, issue: v.issue };
    const said = v.booking.startsWith(now.event) ? listed(ticket, now) : "other-event";
    assert.equal(said, v.refused ?? "ok", v.name);
  }
});

test("a damaged list is refused, and changes fit the list that they are for only", () => {
  const whole = ofBase64(vectors.list.base64),
    changes = ofBase64(vectors.changes.base64);
  const list = decodeList(whole, null);
  const refused = (bytes: Uint8Array, before: typeof list | null): boolean => {
    try {
      decodeList(bytes, before);
      return false;
    } catch {
      return true;
    }
  };
  for (let cut = 0; cut < whole.length; cut++) assert.ok(refused(whole.subarray(0, cut), null), `cut at ${cut}`);
  for (let cut = 0; cut < changes.length; cut++) assert.ok(refused(changes.subarray(0, cut), list), `cut at ${cut}`);
  assert.ok(refused(changes, null));
  assert.ok(refused(changes, { ...list, plan: 2 }));
  assert.ok(refused(changes, { ...list, digests: new Uint32Array(3) }), "a seat beyond the plan");
});

test("ids and references are written as everywhere", () => {
  const booking = vectors.tokens[0].booking ?? "";
  assert.equal(unpackID(packed(booking)), booking);
  assert.equal(hex(packed(booking).subarray(0, 10)), hex(packed(vectors.event)));
  assert.equal(packID("not an id"), null);
  assert.ok(/^[0-9A-Z]{4}-[0-9A-Z]{4}$/.test(reference(booking)));
});
