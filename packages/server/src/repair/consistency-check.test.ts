import { pino } from "pino";
import { expect, test } from "vitest";
import type { HostedShard } from "../node/hosted-replica.ts";
import type { VerifyPoint } from "../shard/shard-state-machine.ts";
import { ConsistencyCheck, type PointReport } from "./consistency-check.ts";

/** A leader whose replica has chain hash 1, and other nodes (2, 3, …) with the hashes given; `undefined` never answers. */
async function compare(others: readonly (number | undefined)[]): Promise<string[]> {
  const verdicts: string[] = [];
  const machine: { onVerifyPoint?: (point: VerifyPoint) => void } = {};
  const hosted = {
    shard: 7,
    local: { replica: { machine, leadership: { isLeader: true } } },
  } as unknown as HostedShard;
  let nowMs = 0;
  const check = new ConsistencyCheck({
    shards: () => [hosted],
    otherHolders: () => others.map((_, index) => index + 2),
    report: async (node, _shard, index): Promise<PointReport | undefined> => {
      const chainHash = others[node - 2];
      // Time passes with every question, so that a node that never answers is given up.
      nowMs += 61_000;
      return chainHash === undefined ? undefined : { index, chainHash, digests: undefined };
    },
    onDiverged: (_shard, node) => verdicts.push(`replace ${node}`),
    onUndecided: () => verdicts.push("undecided"),
    onDamage: () => verdicts.push("damage"),
    intervalMs: 1000,
    digestIntervalMs: 1000,
    now: () => nowMs,
    wallClock: () => 0,
    logger: pino({ level: "silent" }),
  });
  check.follow(hosted);
  machine.onVerifyPoint?.({ id: 1, index: 5, chainHash: 1, withDigests: false });
  await new Promise((resolve) => setTimeout(resolve, 700));
  return verdicts;
}

test.each<[string, (number | undefined)[], string[]]>([
  ["all agree", [1, 1], []],
  ["one differs from a majority", [1, 2], ["replace 3"]],
  ["two of five differ from the rest", [1, 2, 1, 3], ["replace 3", "replace 5"]],
  ["the leader is alone", [2, 2], ["undecided"]],
  ["everybody differs", [2, 3], ["undecided"]],
  ["one differs and one does not answer: nobody can tell yet", [undefined, 2], []],
  ["nobody answers", [undefined, undefined], []],
])("%s", async (_name, others, verdicts) => {
  expect(await compare(others)).toEqual(verdicts);
});
