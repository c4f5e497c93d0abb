import assert from "node:assert/strict";
import { test } from "node:test";
import type { Own } from "../gate/entry";
import { Queue } from "../gate/queue";

test("an answer counts, however long it takes to store it", async () => {
  const own = {
    counter: 1,
    scan: { counter: 1, at: 1, n: 0, kind: "in", entrance: "main", how: "camera", offset_known: true },
    admitted: false,
    reason: "ok",
    sent: false,
  } as Own;
  const answer = { counter: 1, at: 2, n: 0, outcome: "admitted", reason: "ok", alone: true, name: "Ida" } as const;
  const queue = new Queue(
    () => Promise.resolve({ now: 0, items: [answer] }),
    { sent: () => new Promise(() => undefined) },
    () => undefined,
  );
  assert.equal(queue.answerTo(own), null);
  assert.equal(await queue.ask(own, 0, (late) => setTimeout(late, 10)), null, "it is not yet stored");
  assert.deepEqual(queue.answerTo(own), answer);
  assert.deepEqual([own.sent, own.admitted, queue.length], [true, true, 0]);
});
