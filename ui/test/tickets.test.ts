import assert from "node:assert/strict";
import { test } from "node:test";
import { getPublicKey } from "@noble/ed25519";
import { decodeQR } from "qr/decode.js";
import vectors from "../../internal/ticket/testdata/door-vectors.json";
import { toBase64url } from "../gate/bytes";
import { Clock } from "../gate/clock";
import { drawn, newer, type Tickets, where } from "../ticket/page";
import { code, newPhone, signer } from "../ticket/phone";
import type { Record as Phone } from "../ticket/store";

const bytesOf = (hex: string): Uint8Array => Uint8Array.from(hex.match(/../g) ?? [], (b) => Number.parseInt(b, 16));
const base: Phone = { booking: "b", public: "", tickets: null, clock: null };

test("a phone makes the codes that the server's own tests make", async () => {
  for (const v of vectors.phones)
    assert.equal(await code(v.part, signer({ ...base, seed: bytesOf(v.seed) }), v.at * 1000 + 999, v.timed), v.code);
  const signing = signer({ ...base, seed: bytesOf(vectors.phones[0].seed) });
  const failed = await code("AAAA", signing, 0, true).catch(() => "refused");
  assert.equal(failed, "refused", "it is not a ticket's part");
});

test("a phone has a key that nobody can read, or else a seed", async () => {
  const native = await newPhone("b", async (r) => r);
  assert.ok(native.key && !native.key.extractable && !native.seed);
  const seeded = await newPhone("b", async (r) => {
    if (r.key) throw new Error("this browser stores no keys");
    return r;
  });
  assert.ok(seeded.seed && !seeded.key);
  assert.equal(seeded.public, toBase64url(getPublicKey(seeded.seed ?? new Uint8Array(32))));
  for (const phone of [native, seeded]) assert.equal((await signer(phone)(new Uint8Array(3))).length, 64, "both sign");
});

test("two pages of a browser are one phone", async () => {
  let kept: Phone | undefined; // as Store.claim
  const claim = async (r: Phone): Promise<Phone> => {
    kept ??= r;
    return kept;
  };
  const [one, other] = await Promise.all([newPhone("b", claim), newPhone("b", claim)]);
  assert.equal(one.public, other.public, "the key that came first has the tickets");
  assert.equal(other.key, one.key);
});

test("a code is drawn as any scanner reads it", () => {
  const text = vectors.phones[0].code;
  const { path, side } = drawn(text);
  assert.equal(side, 53 + 8, "version 9 with its margin");
  const scale = 4;
  const data = new Uint8Array((side * scale) ** 2 * 4).fill(255);
  for (const [, x, y, n] of path.matchAll(/M(\d+) (\d+)h(\d+)v1h-\d+z/g))
    for (let i = 0; i < Number(n) * scale; i++)
      for (let j = 0; j < scale; j++) {
        const at = ((Number(y) * scale + j) * side * scale + Number(x) * scale + i) * 4;
        data.fill(0, at, at + 3);
      }
  assert.equal(decodeQR({ width: side * scale, height: side * scale, data }), text);
});

test("a ticket is here, elsewhere, or free, and the newer list counts", () => {
  assert.equal(where({ seat: "A" }, "k"), "free");
  assert.equal(where({ seat: "A", bound_to: "k", part: "p" }, "k"), "here");
  assert.equal(where({ seat: "A", bound_to: "k", part: "p" }, "x"), "elsewhere");
  assert.equal(where({ seat: "A", bound_to: "k", part: "p" }, undefined), "elsewhere");
  const list = (rev: number): Tickets => ({ items: [], codes: "rotating", paper: true, rev });
  assert.equal(newer(list(1), null).rev, 1);
  assert.equal(newer(list(1), list(2)).rev, 2);
  assert.equal(newer(list(2), list(1)).rev, 2);
});

test("an offset from a slow answer is none", () => {
  let now = 0;
  const clock = new Clock(
    () => now,
    () => now,
  );
  clock.learn(100_000, 0, 4001);
  assert.ok(!clock.known, "it may be wrong by more than 2 s");
  clock.learn(100_000, 0, 4000);
  assert.ok(clock.known);
  now = 4000;
  assert.equal(clock.time(), 102_000);
});
