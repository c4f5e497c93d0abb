import assert from "node:assert/strict";
import { test } from "node:test";
import cases from "../../internal/checkin/testdata/door-cases.json";
import { Fold } from "../gate/fold";
import { fold, type NamePage, Names } from "../gate/names";
import { reference } from "../gate/token";

const event = "06a1b2c3d4e5f6g7";
const booking = (n: number): string => event + String(n).padStart(20, "0");
const page = (n: number, ...items: NamePage["items"]): NamePage => ({ page: n, digest: `d${n}`, items });

test("a search compares texts as the server does", () => {
  for (const c of cases.texts) assert.equal(fold(c.text), c.folded, c.text);
});

test("guests are found by words of their name and by their number", () => {
  const names = new Names([
    page(0, { booking_id: booking(1), name: "Zoë Dvořák", ordinals: [1, 2] }),
    page(1, { booking_id: booking(2), name: "Straße, Øyvind", list: "Press", ordinals: [7] }),
    page(2, { booking_id: booking(3), name: "Ada Byron", list: "Press", ordinals: [9] }),
  ]);
  const found = (text: string): string[] => names.find(text, 50).map((one) => one.name);
  assert.deepEqual(found("dvorak ZOE"), ["Zoë Dvořák"]);
  assert.deepEqual(found("oyvind strasse"), ["Straße, Øyvind"]);
  assert.deepEqual(found(reference(booking(3))), ["Ada Byron"]);
  assert.deepEqual(found(reference(booking(3)).replace("-", "").toLowerCase()), ["Ada Byron"]);
  assert.deepEqual(found("o"), [], "too short");
  assert.deepEqual(found(" "), []);
  assert.equal(names.find("byron", 0).length, 0);
  assert.deepEqual(
    [...names.lists()].map(([list, all]) => [list, all.map((one) => one.name)]),
    [["Press", ["Ada Byron", "Straße, Øyvind"]]],
  );
});

test("a page that comes again replaces what was in it", () => {
  const names = new Names([
    page(0, { booking_id: booking(1), name: "Ann", ordinals: [1] }),
    page(1, { booking_id: booking(2), name: "Bob", ordinals: [2] }),
    page(2, { booking_id: booking(3), name: "Eve", ordinals: [3] }),
  ]);
  names.find("ann", 9); // its words are known
  names.put({ ...page(0, { booking_id: booking(1), name: "Anna", ordinals: [1] }), digest: "new" });
  assert.deepEqual([names.size, names.of(booking(1))?.name, names.digest(0)], [3, "Anna", "new"]);
  assert.equal(names.find("anna", 9).length, 1);
  names.put(page(0)); // she has given it back
  assert.deepEqual([names.size, names.of(booking(1)), names.find("ann", 9)], [2, undefined, []]);
  // The guests are cut into fewer pages: Eve is in another one now.
  names.put(page(1, { booking_id: booking(3), name: "Eve", ordinals: [3] }));
  assert.deepEqual(names.cut(2), [2]);
  assert.deepEqual([names.size, names.of(booking(3))?.name, names.digest(2)], [1, "Eve", ""]);
});

test("80,000 guests are searched while somebody waits", () => {
  const names = new Names(
    Array.from({ length: 256 }, (_, n) =>
      page(
        n,
        ...Array.from({ length: 312 }, (_, i) => ({
          booking_id: booking(n * 312 + i),
          name: `Guest ${n} Number ${i}`,
          ordinals: [n * 312 + i],
        })),
      ),
    ),
  );
  assert.equal(names.find("guest 200 number 311", 50)[0]?.name, "Guest 200 Number 311");
  const from = performance.now();
  assert.equal(names.find("nobody", 50).length, 0);
  assert.ok(performance.now() - from < 1000, `${performance.now() - from} ms`);
});

test("who came in is counted by entrance", () => {
  const fold = new Fold();
  const mark = (counter: number, kind: "in" | "out", entrance: string) => ({
    device: "a",
    counter,
    at: counter,
    n: 0,
    kind,
    key: "7:ab",
    admitted: true,
    entrance,
  });
  fold.add([mark(1, "in", "north")]);
  assert.deepEqual(fold.entrances.get("north"), { inside: 1, entered: 1 });
  fold.add([mark(2, "out", "south")]);
  assert.deepEqual(fold.entrances.get("north"), { inside: 0, entered: 1 });
  fold.add([mark(3, "in", "south")]);
  assert.deepEqual(
    [...fold.entrances],
    [
      ["north", { inside: 0, entered: 1 }],
      ["south", { inside: 1, entered: 0 }],
    ],
  );
  assert.deepEqual(
    [...fold].map(([key, state]) => [key, state.inside]),
    [["7:ab", true]],
  );
});
