import assert from "node:assert/strict";
import { test } from "node:test";
import { inside, outlineOf, widened } from "../map/outline";
import { beyond, build } from "../map/plan";
import { stageOf } from "../map/stage";
import { assign, NONE } from "../map/tiers";
import { model, plan, tiers } from "./world";

test("a section's price wins over a category's, a later tier over an earlier", () => {
  const p = plan({ id: "P", rows: ["01"] }, { id: "Q", rows: ["012"] });
  const bySection = [...tiers, { sections: ["Q"] }];
  assert.deepEqual([...assign(p, bySection)], [0, 1, 2, 2, 2]);
  assert.deepEqual([...assign(p, tiers)], [0, 1, 0, 1, NONE]);
  assert.deepEqual([...assign(p, [{ categories: ["best"] }, { categories: ["best"] }])], [1, NONE, 1, NONE, NONE]);
});

test("a model knows rows, prices and the distance of seats", () => {
  const m = model({ id: "P", rows: ["000", "111"] }, { id: "Q", rows: ["2"], x: 300 });
  assert.equal(m.sections[0].pitch, 10);
  assert.deepEqual(m.sections[0].tiers, [0, 1]);
  assert.deepEqual(m.sections[1].tiers, []);
  assert.deepEqual([m.row[0], m.row[3], m.row[6]], [0, 1, 2]);
  assert.equal(m.rows[1].label, "B");
});

/** Rows on arcs, a quarter of a circle. */
function arcs(
  rows: number,
  inRow: number,
): { x: Float32Array; y: Float32Array; rows: { first: number; count: number }[] } {
  const x: number[] = [];
  const y: number[] = [];
  const out = Array.from({ length: rows }, (_, r) => {
    for (let i = 0; i < inRow; i++) {
      const a = (Math.PI / 2) * (i / (inRow - 1));
      x.push((100 + 10 * r) * Math.cos(a));
      y.push((100 + 10 * r) * Math.sin(a));
    }
    return { first: r * inRow, count: inRow };
  });
  return { x: Float32Array.from(x), y: Float32Array.from(y), rows: out };
}

test("the outline of curved rows follows the curve", () => {
  const s = arcs(5, 20);
  const { way, stacked } = outlineOf(s.x, s.y, 0, 100, s.rows);
  assert.ok(stacked);
  assert.ok(inside(way, { x: 120 * Math.cos(0.7), y: 120 * Math.sin(0.7) }), "the middle row is inside");
  assert.ok(!inside(way, { x: 60, y: 60 }), "the space before the rows is not");
  const wide = widened(way, 5);
  for (let i = 0; i < 100; i++) assert.ok(inside(wide, { x: s.x[i], y: s.y[i] }), `seat ${i}`);
});

test("the outline of tables side by side is their hull", () => {
  const x: number[] = [];
  const y: number[] = [];
  const rows = [0, 1, 2].map((t) => {
    for (let s = 0; s < 4; s++) {
      x.push(60 * t + 12 * ((s % 2) * 2 - 1));
      y.push(12 * ((s >> 1) * 2 - 1));
    }
    return { first: 4 * t, count: 4 };
  });
  const { way, stacked } = outlineOf(Float32Array.from(x), Float32Array.from(y), 0, 12, rows);
  assert.equal(stacked, false);
  assert.equal(way.length, 4);
});

test("the stage is in front of rows, and in the empty middle of a bowl", () => {
  const hall = model({ id: "P", rows: ["0000", "0000"], y: 100 });
  const stage = stageOf(hall);
  assert.ok(stage && stage.y + stage.height / 2 < 100 && Math.abs(stage.x - 15) < 1);
  const around = plan(...[0, 1, 2, 3, 4, 5].map((i) => ({ id: `S${i}`, rows: ["0".repeat(20), "0".repeat(20)] })));
  around.seats.forEach((s, i) => {
    const far = i % 40 < 20 ? 100 : 110;
    const a = ((Math.floor(i / 40) + (i % 20) / 20) / 6) * 2 * Math.PI;
    s.x = far * Math.cos(a);
    s.y = far * Math.sin(a);
  });
  const field = stageOf(build(around, tiers));
  assert.ok(field && Math.hypot(field.x, field.y) < 3 && Math.hypot(field.width, field.height) / 2 < 100);
});

test("a stage is guessed only where the drawing does not say what there is", () => {
  const p = plan({ id: "P", rows: ["0000", "0000"], y: 100 });
  assert.ok(stageOf(build(p, tiers)));
  assert.equal(stageOf(build({ ...p, no_stage: true }, tiers)), null);
  const drawn = build(
    { ...p, shapes: [{ kind: "rectangle", x: -50, y: 20, width: 130, height: 30, text: "Stage" }] },
    tiers,
  );
  assert.equal(stageOf(drawn), null);
  assert.deepEqual(drawn.box.slice(0, 2), [-50, 20]); // the map shows it
});

test("seats are as large as the nearest neighbour allows", () => {
  const p = plan({ id: "P", rows: ["000000", "000000"] });
  p.seats[11].x = 44; // 4 from the seat before it, in the second row
  const m = build(p, tiers);
  assert.deepEqual(
    m.rows.map((r) => r.pitch),
    [10, 4],
  );
  assert.equal(m.sections[0].pitch, 10);
});

test("the name of a row stands beside its last seat, and not upon it", () => {
  for (const step of [1, 10, 300]) {
    // however far apart the seats are
    assert.deepEqual(beyond({ x: step, y: 0 }, { x: 0, y: 0 }, 12, 30, 6), { x: 42, y: 0 }); // and however long the name is
    assert.deepEqual(beyond({ x: 0, y: 0 }, { x: step, y: 0 }, 12, 3, 6), { x: -15, y: 0 });
    assert.deepEqual(beyond({ x: 0, y: step }, { x: 0, y: 0 }, 12, 30, 6), { x: 0, y: 18 });
  }
});
