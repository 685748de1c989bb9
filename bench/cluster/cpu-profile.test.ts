import { expect, test } from "vitest";
import { type CpuProfile, functionTimes, ownerOf, ownerTimes } from "./cpu-profile.ts";

function node(
  id: number,
  functionName: string,
  url: string,
  children: number[] = [],
): CpuProfile["nodes"][0] {
  return { id, callFrame: { functionName, url, lineNumber: 9 }, children };
}

const put = "file:///somewhere/packages/server/dist/kv/put.js";
const log = "file:///somewhere/packages/raft/dist/wal/log.js";

/** main → put → log → put (again), and main → log. */
const profile: CpuProfile = {
  nodes: [
    node(1, "(root)", "", [2]),
    node(2, "main", "node:internal/main", [3, 6]),
    node(3, "put", put, [4]),
    node(4, "append", log, [5]),
    node(5, "put", put),
    node(6, "append", log),
  ],
  startTime: 1000,
  samples: [3, 4, 5, 6, 6, 2],
  timeDeltas: [0, 10, 10, 10, 10, 10],
};

const whole = { fromMicros: 0, toMicros: 10_000 };

function timesOf(name: string, period: { fromMicros: number; toMicros: number }): number[] {
  const found = functionTimes(profile, period).find((each) => each.name === name);
  return found === undefined ? [] : [found.selfMicros, found.totalMicros];
}

test("self time is a function's own, total time includes what it called, once", () => {
  expect(timesOf("put", whole)).toEqual([20, 30]);
  expect(timesOf("append", whole)).toEqual([30, 40]);
  expect(timesOf("main", whole)).toEqual([0, 50]);
});

test("a native function is told apart by the code of ours that asked for it", () => {
  const native: CpuProfile = {
    nodes: [
      node(1, "(root)", "", [2, 4, 6]),
      node(2, "put", put, [3]),
      node(3, "write", ""),
      node(4, "append", log, [5]),
      node(5, "write", "node:fs", [7]),
      node(7, "write", ""),
      node(6, "write", ""),
    ],
    startTime: 0,
    samples: [3, 7, 6, 1],
    timeDeltas: [0, 30, 20, 10],
  };
  expect(
    functionTimes(native, whole)
      .filter(({ owner, selfMicros }) => owner === "node (native)" && selfMicros > 0)
      .map(({ place, selfMicros }) => [place, selfMicros]),
  ).toEqual([
    ["for packages/server/dist/kv/put.js:10", 30],
    ["for packages/raft/dist/wal/log.js:10", 20],
    ["for Node.js itself", 10],
  ]);
});

test("what happened outside the period does not count", () => {
  expect(timesOf("append", { fromMicros: 1030, toMicros: 1040 })).toEqual([10, 10]);
  expect(timesOf("put", { fromMicros: 1030, toMicros: 1040 })).toEqual([]);
});

test("time is added up by package", () => {
  expect(ownerTimes(functionTimes(profile, whole))).toEqual([
    ["@titan-kv/raft", 30],
    ["@titan-kv/server", 20],
  ]);
});

test("every place has an owner", () => {
  expect(ownerOf("", "(idle)")).toBe("(idle)");
  expect(ownerOf("", "writeBuffer")).toBe("node (native)");
  expect(ownerOf("node:net", "connect")).toBe("node (JavaScript)");
  expect(ownerOf("file:///r/proto/dist/pipeline/wire-writer.js", "varint")).toBe("@titan-kv/proto");
  expect(ownerOf("file:///r/node_modules/.pnpm/pino@1/node_modules/pino/lib/x.js", "log")).toBe("pino");
  expect(ownerOf("file:///r/node_modules/@bufbuild/protobuf/dist/x.js", "create")).toBe("@bufbuild/protobuf");
  expect(ownerOf("file:///r/bench/cluster/load.ts", "runCaller")).toBe("bench");
});
