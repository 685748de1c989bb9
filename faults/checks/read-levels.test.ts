import { expect, test } from "vitest";
import { History, type ReadLevelName } from "../workload/history.ts";
import { checkReadLevels } from "./read-levels.ts";

const origin = (revision: number): { shard: number; revision: number; node: number } => ({
  shard: 1,
  revision,
  node: 1,
});

function put(history: History, value: string, revision: number): void {
  const operation = history.begin({ client: 1, object: "o", input: { type: "put", cell: "a", value } });
  const output = { type: "written", revision, existed: false } as const;
  history.end(operation, { outcome: "ok", output, origin: origin(revision) });
}

function read(
  history: History,
  level: ReadLevelName,
  found: { value: string | undefined; revision: number; asOf: number; bound?: number },
): void {
  const { value, revision, asOf, bound = 0 } = found;
  const operation = history.begin({
    client: 2,
    object: "o",
    input: { type: "read", cell: "a" },
    level,
    bound,
  });
  const output = { type: "read", reading: { value, revision } } as const;
  history.end(operation, { outcome: "ok", output, origin: origin(asOf) });
}

/** What is wrong with a read after two writes, of revisions 1 and 2. */
function judged(level: ReadLevelName, found: Parameters<typeof read>[2]): string[] {
  const history = new History();
  put(history, "x", 1);
  put(history, "y", 2);
  // Time passes, so that nothing is acknowledged in the moment in which it is read.
  const until = performance.now() + 3;
  while (performance.now() < until);
  read(history, level, found);
  return checkReadLevels(history.operations).map(({ check }) => check);
}

test("a local read may be old, but shows the revision that it names, and only what was written", () => {
  expect(judged("local", { value: "x", revision: 1, asOf: 1 })).toEqual([]);
  expect(judged("local", { value: undefined, revision: 0, asOf: 0 })).toEqual([]);
  expect(judged("local", { value: "x", revision: 1, asOf: 2 })).toEqual(["a read shows its revision"]);
  expect(judged("local", { value: "z", revision: 2, asOf: 2 })).toEqual(["values come from writes"]);
});

test("a read of at least a revision is not served from before it", () => {
  expect(judged("at-least", { value: "x", revision: 1, asOf: 1, bound: 1 })).toEqual([]);
  expect(judged("at-least", { value: "x", revision: 1, asOf: 1, bound: 2 })).toEqual(["AT_LEAST"]);
});

test("a bounded read sees what was acknowledged earlier than its bound", () => {
  expect(judged("bounded", { value: "x", revision: 1, asOf: 1, bound: 60_000 })).toEqual([]);
  expect(judged("bounded", { value: "x", revision: 1, asOf: 1, bound: 1 })).toEqual(["BOUNDED"]);
});

test("a value whose write was reported as not applied must never be seen", () => {
  const history = new History();
  const refused = history.begin({ client: 1, object: "o", input: { type: "put", cell: "a", value: "x" } });
  history.end(refused, { outcome: "NOT_APPLIED", code: "OVERLOADED" });
  read(history, "local", { value: "x", revision: 1, asOf: 1 });
  expect(checkReadLevels(history.operations).map(({ check }) => check)).toEqual(["NOT_APPLIED is a fact"]);
});
