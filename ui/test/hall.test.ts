import assert from "node:assert/strict";
import { test } from "node:test";
import type { Change } from "../map/hall";
import { Hall } from "../map/hall";
import { build } from "../map/plan";
import { Voice } from "../map/words";
import { offsetOf, written } from "../time";
import { model, plan, tiers } from "./world";

function hall(limit = 2): Hall {
  const h = new Hall(model({ id: "P", rows: ["0000", "1112"] }), limit, []);
  h.snapshot("........", 1);
  return h;
}

test("counts follow snapshots and changes; seats without a price do not count", () => {
  const h = hall();
  assert.deepEqual([h.freeIn[0], ...h.freeAt], [7, 4, 3]);
  h.differ([], [0, 1], [4], 2);
  assert.deepEqual([h.freeIn[0], ...h.freeAt, h.seq], [4, 2, 2, 2]);
  h.differ([1], [], [0], 3); // 0 was held and is sold: no change of what is free
  assert.deepEqual([h.freeIn[0], ...h.freeAt], [5, 3, 2]);
  h.snapshot("s...h...", 4);
  assert.deepEqual([h.freeIn[0], ...h.freeAt], [5, 3, 2]);
});

test("listeners hear what was taken and what became free", () => {
  const h = hall();
  const heard: Change[] = [];
  h.on((c) => heard.push(c));
  h.differ([], [2], [], 2);
  h.differ([2], [], [3], 3);
  assert.deepEqual(heard, [
    { kind: "seats", taken: [2], freed: [], all: false },
    { kind: "seats", taken: [3], freed: [2], all: false },
  ]);
});

test("choosing: up to the limit, only what is free and has a price", () => {
  const h = hall(2);
  h.differ([], [3], [], 2);
  assert.deepEqual(
    [h.toggle(0), h.toggle(3), h.toggle(7), h.toggle(4), h.toggle(1), h.toggle(0)],
    ["chosen", "taken", "priceless", "chosen", "full", "left"],
  );
  assert.deepEqual([[...h.chosen], h.total()], [[4], 4000]);
});

test("chosen seats that are taken are let go of, once", () => {
  const h = hall(4);
  h.choose([0, 1, 2]);
  h.differ([], [1, 5], [], 2);
  assert.deepEqual([h.drop([1, 5]), [...h.chosen], h.drop([1])], [[1], [0, 2], []]);
});

test("places of an area and seats exclude each other", () => {
  const p = plan({ id: "P", rows: ["00"] }, { id: "F", rows: ["111"] });
  p.sections[1] = { id: "F", name: "Floor", first: 2, count: 3, general_admission: true };
  const h = new Hall(build(p, tiers), 8, []);
  h.snapshot("...s.", 1);
  h.toggle(0);
  h.take(1, 8);
  assert.deepEqual([h.places, h.chosen.size, h.total()], [{ section: 1, count: 2 }, 0, 8000]);
  h.toggle(0);
  assert.deepEqual([h.places, h.chosen.size], [null, 1]);
});

test("the price filter: nothing chosen shows everything, all chosen too", () => {
  const h = hall();
  assert.ok(h.shows(0) && h.shows(1));
  h.filter(1);
  assert.deepEqual([h.shows(0), h.shows(1)], [false, true]);
  h.filter(0);
  assert.equal(h.filtered(), false);
});

test("money by currency, plurals by language, a missing word in brackets", () => {
  assert.equal(new Voice({}, "en", "EUR").price(2950), "€29.50");
  assert.equal(new Voice({}, "en", "JPY").price(14800), "¥14,800");
  assert.equal(new Voice({}, "en", "KWD").price(14250).replace(/\s/, " "), "KWD 14.250");
  const v = new Voice({ free_one: "1 frei", free_other: "{n} frei" }, "de", "EUR");
  assert.deepEqual([v.count("free", 1), v.count("free", 1200), v.say("stage")], ["1 frei", "1.200 frei", "[stage]"]);
});

test("offsets of RFC 3339 times", () => {
  assert.deepEqual(
    [
      offsetOf("2026-05-01T20:00:00+02:00"),
      offsetOf("2026-05-01T20:00:00-03:30"),
      offsetOf("2026-05-01T20:00:00Z"),
      offsetOf("2026-05-01"),
    ],
    [120, -210, 0, null],
  );
});

test("a time is written with its zone as pages write it", () => {
  const format = (lang: string) =>
    new Intl.DateTimeFormat(lang, {
      hour: "2-digit",
      minute: "2-digit",
      timeZoneName: "short",
      timeZone: "Europe/Berlin",
    });
  const at = new Date("2026-12-12T18:30:00Z");
  assert.equal(written(format("de"), at), "19:30 Uhr (MEZ)");
  assert.equal(written(format("en-GB"), at), "19:30 CET");
});
