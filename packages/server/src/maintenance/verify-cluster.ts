/** Checks replicas: each record on each disk, then the replicas of each shard against each other. */
import { create } from "@bufbuild/protobuf";
import { type VerifyResponse, VerifyResponseSchema } from "@titan-kv/proto";
import { asApiError } from "../http/api-error.ts";
import type { Comparison } from "../repair/consistency-check.ts";

/** What the check needs of its node. */
export interface VerifyContext {
  /** Shards and the nodes that hold them. */
  placement(): readonly { readonly shard: number; readonly nodes: readonly number[] }[];
  scrub(node: number, signal: AbortSignal): AsyncIterable<VerifyResponse>;
  compare(shard: number): Promise<Comparison>;
  /** The node that leads a shard. */
  leaderOf(shard: number): number;
}

/** Messages about the replicas on the nodes; the last one about each has `done`. A node that is away does not end it. */
export async function* verifyCluster(
  context: VerifyContext,
  nodes: readonly number[],
  signal: AbortSignal,
): AsyncGenerator<VerifyResponse, void> {
  const placement = context
    .placement()
    .map(({ shard, nodes: holders }) => ({ shard, nodes: holders.filter((node) => nodes.includes(node)) }));
  const last = new Map<string, VerifyResponse>();
  const problems = new Map<number, string>();
  for (const node of nodes) {
    try {
      for await (const progress of context.scrub(node, signal)) {
        last.set(`${node} ${progress.shard}`, progress);
        yield progress;
      }
    } catch (error) {
      signal.throwIfAborted();
      problems.set(node, asApiError(error).message);
    }
  }
  for (const { shard, nodes: holders } of placement) {
    if (holders.length === 0) continue;
    signal.throwIfAborted();
    const found = await compareShard(context, shard);
    for (const node of holders) {
      const scrubbed = last.get(`${node} ${shard}`);
      const problem =
        scrubbed?.problem ||
        (problems.get(node) ?? (scrubbed === undefined ? "the replica was not read" : "")) ||
        found.problem;
      yield create(VerifyResponseSchema, {
        ...(scrubbed ?? { node, shard }),
        done: true,
        compared: found.compared.includes(node),
        diverged: found.differing.includes(node),
        problem,
      });
    }
  }
}

async function compareShard(
  context: VerifyContext,
  shard: number,
): Promise<{ readonly compared: number[]; readonly differing: readonly number[]; readonly problem: string }> {
  try {
    const { same, differing, silent } = await context.compare(shard);
    const leader = context.leaderOf(shard);
    const answered = same.length + differing.length + 1;
    // The leader itself is out of line when it is alone against most of the replicas.
    const leaderDiffers = differing.length * 2 > answered + silent.length;
    return {
      compared: [leader, ...same, ...differing],
      differing: leaderDiffers ? [leader, ...differing] : differing,
      problem: "",
    };
  } catch (error) {
    return { compared: [], differing: [], problem: `not compared: ${asApiError(error).message}` };
  }
}
