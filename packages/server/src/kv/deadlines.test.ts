import { expect, test } from "vitest";
import type { ApiError } from "../http/api-error.ts";
import { Deadlines } from "./deadlines.ts";
import { PendingOperation } from "./pending-operation.ts";

function unexpected(): never {
  return expect.unreachable();
}

function pending(deadlineMs: number, isWrite: boolean, errors: ApiError[]): PendingOperation {
  return new PendingOperation({
    id: 1,
    deadlineMs,
    isWrite,
    sink: {
      write: () => undefined,
      get: unexpected,
      txn: unexpected,
      error: (_id, error) => errors.push(error),
    },
  });
}

test("what is late is ended, a write with an unknown outcome; what is not late is left alone", () => {
  let nowMs = 1000;
  const deadlines = new Deadlines(() => nowMs);
  const errors: ApiError[] = [];
  deadlines.add(pending(1100, true, errors));
  deadlines.add(pending(1100, false, errors));
  deadlines.add(pending(5000, true, errors));
  nowMs = 1099;
  deadlines.expire();
  expect(errors).toEqual([]);
  nowMs = 1140;
  deadlines.expire();
  expect(errors.map(({ reason, outcome }) => `${reason} ${outcome}`)).toEqual([
    "DEADLINE_EXCEEDED UNKNOWN",
    "DEADLINE_EXCEEDED NOT_APPLIED",
  ]);
});

test("what has been answered is not answered again, and not kept until its time", () => {
  let nowMs = 0;
  const deadlines = new Deadlines(() => nowMs);
  const errors: ApiError[] = [];
  const operation = pending(100, true, errors);
  const bucket = new Set<PendingOperation>();
  deadlines.add(operation);
  operation.waitIn(bucket);
  operation.write(
    { applied: true, keyRevision: 1, existed: false },
    { shard: 1, epoch: 1, term: 1, revision: 1, node: 1 },
  );
  expect(bucket.size).toBe(0);
  nowMs = 1000;
  deadlines.expire();
  expect(errors).toEqual([]);
});
