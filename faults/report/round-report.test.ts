import { expect, test } from "vitest";
import type { RecordedOperation } from "../workload/history.ts";
import { longestSilence } from "./round-report.ts";

function answer(shard: number, returnMs: number, more: Partial<RecordedOperation> = {}): RecordedOperation {
  return {
    client: 1,
    object: "o",
    input: { type: "delete", cell: "a" },
    call: 1,
    callMs: 100,
    return: 2,
    returnMs,
    outcome: "ok",
    origin: { shard, revision: 1, node: 1 },
    ...more,
  };
}

test("a shard that stops answering is silent until the end, whatever the others do", () => {
  const operations = [answer(1, 200), answer(2, 250), answer(1, 900), answer(2, 300)];
  expect(longestSilence(operations, { shards: [1, 2], endMs: 1100 })).toEqual({
    shard: 2,
    beganMs: 200,
    durationMs: 800,
  });
});

test("a shard that never answers is silent from the beginning", () => {
  expect(longestSilence([answer(1, 200)], { shards: [1, 2], endMs: 500 })).toMatchObject({
    shard: 2,
    durationMs: 400,
  });
});

test("only answers that need a majority end a silence", () => {
  const read: Partial<RecordedOperation> = { input: { type: "read", cell: "a" } };
  const operations = [
    answer(1, 150),
    answer(1, 300, { ...read, level: "local" }),
    answer(1, 350, { outcome: "UNKNOWN" }),
    answer(1, 400, { ...read, level: "linearizable" }),
  ];
  expect(longestSilence(operations, { shards: [1], endMs: 450 })).toMatchObject({ durationMs: 250 });
});
