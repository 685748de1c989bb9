import { describe, expect, it } from "vitest";
import { FailureRun } from "./support/failure-run.ts";
import type { Call, CallKind, Fault } from "./support/memory-file-system.ts";

/** Every single call of a workload fails once, in each way that such a call can fail. */
const seed = 5;
const steps = 40;

const faults: readonly {
  readonly name: string;
  readonly fault: Fault;
  readonly kinds: readonly CallKind[];
}[] = [
  {
    name: "EIO",
    fault: { error: "EIO" },
    kinds: [
      "open",
      "create",
      "list",
      "rename",
      "unlink",
      "syncDirectory",
      "read",
      "write",
      "sync",
      "truncate",
    ],
  },
  {
    name: "ENOSPC",
    fault: { error: "ENOSPC" },
    kinds: ["create", "rename", "write", "sync", "makeDirectory"],
  },
  { name: "EMFILE", fault: { error: "EMFILE" }, kinds: ["open", "create"] },
  { name: "a short transfer", fault: { shortBy: 9 }, kinds: ["read", "write"] },
];

async function callsOf(): Promise<Call[]> {
  const calls: Call[] = [];
  const run = new FailureRun(seed, (call) => {
    calls.push(call);
    return undefined;
  });
  expect(await run.run(steps)).toBeUndefined();
  expect(run.errors).toEqual([]);
  return calls;
}

describe.each(faults)("$name", ({ fault, kinds }) => {
  it(`at any of the calls ${kinds.join(", ")} is survived, and what the error says is true`, async () => {
    const calls = (await callsOf()).filter((call) => kinds.includes(call.kind));
    expect(calls.length).toBeGreaterThan(0);
    for (const { index, kind, path } of calls) {
      const run = new FailureRun(seed, (call) => (call.index === index ? fault : undefined));
      // oxlint-disable-next-line eslint/no-await-in-loop -- the first failure is the clearest
      const problem = await run
        .run(steps)
        .catch((error: unknown) => `threw ${error instanceof Error ? error.stack : String(error)}`);
      expect(problem, `call ${index}: ${kind} ${path}`).toBeUndefined();
    }
  });
});
