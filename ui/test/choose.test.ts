import assert from "node:assert/strict";
import { test } from "node:test";
import { near, orphans, step, together } from "../map/choose";
import { build } from "../map/plan";
import { all, model, names, only, plan, tiers } from "./world";

const TEN = "0000000000";

test("together takes the middle of the front row", () => {
  const m = model({ id: "P", rows: [TEN, TEN] });
  assert.deepEqual(names(m, together(m, all, 2, 0).seats), ["P-A-5", "P-A-6"]);
});

test("together goes on to the next row when the front one has no such run", () => {
  const m = model({ id: "P", rows: [TEN, TEN] });
  const free = only(m, ["P-A-1", "P-A-3", "P-A-5", "P-B-7", "P-B-8"]);
  const found = together(m, free, 2, 0);
  assert.deepEqual(names(m, found.seats), ["P-B-7", "P-B-8"]);
  assert.ok(found.together);
});

test("together leaves nobody alone if it can", () => {
  const m = model({ id: "P", rows: ["000", "0000"] });
  // Two of three would leave one: the row behind has a pair of its own.
  assert.deepEqual(names(m, together(m, all, 2, 0).seats), ["P-B-1", "P-B-2"]);
  // With nothing else, one is left alone after all.
  const front = only(m, ["P-A-1", "P-A-2", "P-A-3"]);
  assert.deepEqual(names(m, together(m, front, 2, 0).seats), ["P-A-1", "P-A-2"]);
});

test("together of one price compares rows across sections, of any price the sections' order", () => {
  const m = model({ id: "P", rows: ["1111", "0000"] }, { id: "Q", rows: ["0000"], x: 500 });
  assert.deepEqual(names(m, together(m, all, 4, 0).seats)[0], "Q-A-1");
  assert.deepEqual(names(m, together(m, all, 4, -1).seats)[0], "P-A-1");
});

test("together says so when no row has enough, and fills up with the longest runs", () => {
  const m = model({ id: "P", rows: ["0000", "0000"] });
  const found = together(m, only(m, ["P-A-1", "P-A-3", "P-A-4", "P-B-2"]), 3, 0);
  assert.deepEqual(names(m, found.seats), ["P-A-3", "P-A-4", "P-A-1"]);
  assert.equal(found.together, false);
  assert.deepEqual(together(m, only(m, ["P-A-1"]), 2, 0).seats, []);
});

test("together never proposes a seat without a price", () => {
  const m = model({ id: "P", rows: ["2222", "0000"] });
  assert.deepEqual(names(m, together(m, all, 2, -1).seats), ["P-B-1", "P-B-2"]);
});

test("near takes the closest seats of the same price, together when it can", () => {
  const m = model({ id: "P", rows: [TEN, TEN, "1111111111"] });
  const seat = m.label.indexOf("P-B-4");
  const free = (s: number): boolean => s !== seat;
  assert.deepEqual(names(m, near(m, free, 1, 0, m.x[seat], m.y[seat]).seats), ["P-A-4"]);
  const apart = near(m, only(m, ["P-A-1", "P-A-3", "P-B-9"]), 2, 0, m.x[seat], m.y[seat]);
  assert.deepEqual(names(m, apart.seats), ["P-A-1", "P-A-3"]);
  assert.equal(apart.together, false);
  assert.deepEqual(near(m, only(m, ["P-C-1"]), 1, 0, 0, 0).seats, []);
});

test("orphans are the seats that a choice leaves alone, and only those", () => {
  const m = model({ id: "P", rows: ["000000"] });
  const at = (n: number): number => m.label.indexOf(`P-A-${n}`);
  assert.deepEqual(names(m, orphans(m, all, new Set([at(2)]))), ["P-A-1"]);
  assert.deepEqual(names(m, orphans(m, all, new Set([at(1), at(2)]))), []);
  assert.deepEqual(names(m, orphans(m, all, new Set([at(1), at(3)]))), ["P-A-2"]);
  // It was alone before anybody chose.
  const free = only(m, ["P-A-1", "P-A-3", "P-A-4"]);
  assert.deepEqual(names(m, orphans(m, free, new Set([at(3), at(4)]))), []);
});

test("rows do not run into each other", () => {
  const m = model({ id: "P", rows: ["00", "00"] });
  assert.deepEqual(together(m, all, 3, 0).together, false);
  assert.deepEqual(
    orphans(m, all, new Set([m.label.indexOf("P-A-2")])).map((s) => m.label[s]),
    ["P-A-1"],
  );
});

test("step goes along the row, and from row to row", () => {
  const m = model({ id: "P", rows: ["000", "000"] });
  const at = (l: string): number => m.label.indexOf(l);
  assert.equal(m.label[step(m, at("P-A-2"), 1, 0)], "P-A-3");
  assert.equal(m.label[step(m, at("P-A-2"), -1, 0)], "P-A-1");
  assert.equal(m.label[step(m, at("P-A-2"), 0, 1)], "P-B-2");
  assert.equal(step(m, at("P-A-2"), 0, -1), -1);
});

test("together is by place: seats on two sides of an aisle are not", () => {
  const p = plan({ id: "P", rows: ["000000", "0000"] });
  for (let i = 3; i < 6; i++) p.seats[i].x += 40;
  const m = build(p, tiers);
  assert.deepEqual(names(m, together(m, all, 4, 0).seats), ["P-B-1", "P-B-2", "P-B-3", "P-B-4"]);
  assert.deepEqual(orphans(m, all, new Set([0, 1])), [2]); // alone beside the aisle
});
