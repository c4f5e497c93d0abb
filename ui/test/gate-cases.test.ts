import assert from "node:assert/strict";
import { test } from "node:test";
import cases from "../../internal/checkin/testdata/door-cases.json";
import { Clock } from "../gate/clock";
import { passing, type Settings } from "../gate/decide";
import type { Mark } from "../gate/entry";
import { Fold } from "../gate/fold";

// The cases are made by internal/checkin, whose decisions they hold.

interface Case {
  device: string;
  counter: number;
  at: number;
  n: number;
  kind: string;
  of?: { device: string; counter: number };
  admitted: boolean;
}

const folded = (marks: Case[]): Fold => {
  const fold = new Fold();
  for (const m of marks) {
    const kind = m.kind as Mark["kind"];
    fold.add([{ ...m, kind, key: kind === "undo" ? "" : "7:ab", entrance: "main" }]);
  }
  return fold;
};

const ref = (m: Mark | null): { device: string; counter: number } | null =>
  m && { device: m.device, counter: m.counter };

test("scans amount to what a node makes of them", () => {
  for (const [i, c] of cases.folds.entries()) {
    const fold = folded(c.marks);
    const state = fold.of("7:ab");
    assert.deepEqual(
      { inside: state.inside, entered: state.entered, first: ref(state.first), since: ref(state.since) },
      { inside: c.inside, entered: c.entered, first: c.first, since: c.since },
      `case ${i}`,
    );
    assert.deepEqual([fold.inside, fold.entered], [Number(c.inside), Number(c.entered)], `case ${i}`);
  }
});

test("a device alone decides as a node would", () => {
  const time = (ms?: number): string | undefined => (ms ? new Date(ms).toISOString() : undefined);
  for (const [i, c] of cases.decisions.entries()) {
    const fold = folded(c.marks);
    const v = passing(
      {
        kind: c.kind as "in" | "out",
        event: "",
        list: null,
        state: (key) => fold.of(key),
        section: () => c.section,
        entrance: {
          id: "main",
          name: "Main entrance",
          sections: c.sections,
          reentry: c.own.reentry as Settings["reentry"] | undefined,
          opens_at: time(c.own.opens),
          closes_at: time(c.own.closes),
        },
        settings: {
          reentry: c.reentry,
          alone: c.alone,
          opens_at: time(c.opens),
          closes_at: time(c.closes),
        } as Settings,
        now: c.now,
        timed: true,
      },
      7,
      "7:ab",
    );
    const first = c.marks.find((m) => m.device === c.first?.device && m.counter === c.first.counter);
    assert.deepEqual(
      [v.reason, v.admitted, v.first?.at],
      [c.reason, c.reason === "ok", first?.at],
      `case ${i}: ${JSON.stringify(c)}`,
    );
  }
});

test("a device stamps its scans as a node would", () => {
  for (const [i, c] of cases.clocks.entries()) {
    const clock = new Clock(
      () => c.now,
      () => 0,
    );
    for (const s of c.seen) clock.see(s);
    assert.deepEqual(clock.now(), c.next, `case ${i}`);
  }
});
