/** `ClusterService`: topology for clients, membership for operators. */
import { create } from "@bufbuild/protobuf";
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import {
  type Alarm,
  type ClusterService,
  DrainResponseSchema,
  GetStatusResponseSchema,
  GetTopologyResponseSchema,
  JoinResponseSchema,
  ListMovesResponseSchema,
  type NodeStatus,
  RemoveResponseSchema,
  ReplaceResponseSchema,
  type Topology,
  TransferLeaderResponseSchema,
  type WatchTopologyResponse,
  WatchTopologyResponseSchema,
} from "@titan-kv/proto";
import { ApiError, invalidArgument } from "../http/api-error.ts";
import { holdsReplicas } from "../meta/apply-meta-command.ts";
import { type ClusterMap, nodeOf } from "../meta/cluster-map.ts";
import { maxNodeWeight, type MetaCommand, type MetaResult } from "../meta/meta-command.ts";

/** What the handlers need of their node. */
export interface ClusterContext {
  map(): ClusterMap;
  topology(): Topology;
  /** Resolves when the topology changes, or the signal aborts. */
  nextTopologyChange(signal: AbortSignal): Promise<void>;
  propose(command: MetaCommand): Promise<MetaResult>;
  /** Asks all living nodes about themselves. */
  nodeReports(): Promise<{
    readonly statuses: NodeStatus[];
    readonly alarms: Alarm[];
    readonly topology: Topology;
  }>;
  /** Hands leadership of a shard over, wherever it is led; returns the node that leads afterwards. */
  transferShard(shard: number, toNode: number): Promise<number>;
  /** Shards that a node leads. */
  ledBy(node: number): readonly number[];
  /** Nodes that this node can talk to. */
  isAlive(node: number): boolean;
}

/** How often a waiting call looks whether what it waits for has happened. */
const pollMs = 100;
/** How long a drain waits for other nodes to take over. */
const drainWaitMs = 10_000;

/** @throws ApiError FAILED_PRECONDITION with what the meta group said. */
function checked(result: MetaResult): Extract<MetaResult, { ok: true }> {
  if (result.ok) return result;
  throw new ApiError({
    reason: "FAILED_PRECONDITION",
    outcome: "NOT_APPLIED",
    message: result.message,
    subject: result.refusal,
  });
}

async function waitUntil(holds: () => boolean, limitMs: number): Promise<boolean> {
  for (let waited = 0; waited < limitMs; waited += pollMs) {
    if (holds()) return true;
    // oxlint-disable-next-line no-await-in-loop -- waiting is the purpose
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
  return holds();
}

/** Refuses to take a node out when a shard would be left without a living majority. */
function checkRemoval(context: ClusterContext, node: number, force: boolean): void {
  const map = context.map();
  const others = map.nodes.filter(
    ({ id, state }) => id !== node && (state === "active" || state === "draining"),
  );
  const alive = others.filter(({ id }) => context.isAlive(id));
  if (others.length < map.replicationFactor && !force) {
    throw new ApiError({
      reason: "FAILED_PRECONDITION",
      outcome: "NOT_APPLIED",
      message:
        `without node ${node} there are ${others.length} nodes for ${map.replicationFactor} copies of each shard; ` +
        "join another node first, or use force",
    });
  }
  for (const shard of map.shards) {
    const voters = shard.replicas.filter(({ role }) => role === "voter").map((replica) => replica.node);
    const living = voters.filter((id) => id !== node && alive.some((other) => other.id === id));
    const needed = Math.floor(voters.length / 2) + 1;
    if (voters.includes(node) && voters.length > 1 && living.length < needed) {
      throw new ApiError({
        reason: "FAILED_PRECONDITION",
        outcome: "NOT_APPLIED",
        message: `shard ${shard.id} would be left with ${living.length} living voters of ${voters.length}: bring the others back first`,
      });
    }
  }
}

type Handlers = ServiceImpl<typeof ClusterService>;

function membershipHandlers(
  context: ClusterContext,
): Pick<Handlers, "join" | "drain" | "remove" | "replace"> {
  return {
    async join(request) {
      const map = context.map();
      if (request.clusterId !== "" && request.clusterId !== map.clusterId) {
        throw new ApiError({
          reason: "FAILED_PRECONDITION",
          outcome: "NOT_APPLIED",
          message: `this cluster is ${map.clusterId}, not ${request.clusterId}`,
        });
      }
      if (request.joinToken.length < 16)
        throw invalidArgument("join_token", "must have at least 16 characters");
      for (const field of ["address", "peerAddress"] as const) {
        if (!/^.+:\d+$/.test(request[field])) throw invalidArgument(field, "must be host:port");
      }
      const { address, peerAddress, zone, version } = request;
      const weight = request.weight === 0 ? 1 : request.weight;
      if (!(weight > 0) || weight > maxNodeWeight)
        throw invalidArgument("weight", `must be above 0 and at most ${maxNodeWeight}`);
      const description = { address, peerAddress, zone, weight, version };
      const result = checked(
        await context.propose({ type: "register", token: request.joinToken, description }),
      );
      const node = result.node!;
      await waitUntil(() => context.map().nodes.some(({ id }) => id === node), drainWaitMs);
      return create(JoinResponseSchema, { node, topology: context.topology() });
    },

    async drain(request) {
      const state = request.undo ? "active" : "draining";
      checked(await context.propose({ type: "setNodeState", node: request.node, state }));
      if (!request.undo) await waitUntil(() => context.ledBy(request.node).length === 0, drainWaitMs);
      return create(DrainResponseSchema, {
        stillLeading: request.undo ? [] : [...context.ledBy(request.node)],
      });
    },

    async remove(request) {
      checkRemoval(context, request.node, request.force);
      checked(await context.propose({ type: "setNodeState", node: request.node, state: "leaving" }));
      return create(RemoveResponseSchema, {});
    },

    async replace(request) {
      const { node, replacement } = request;
      // A node that has just joined is made known by itself, in a moment.
      await waitUntil(() => nodeOf(context.map(), replacement)?.state === "active", drainWaitMs);
      if (!holdsReplicas(context.map(), node))
        throw invalidArgument("node", `node ${node} holds no replicas`);
      checked(await context.propose({ type: "replaceNode", node, replacement }));
      return create(ReplaceResponseSchema, {});
    },
  };
}

const movesLater = new ApiError({
  reason: "UNIMPLEMENTED",
  outcome: "NOT_APPLIED",
  message: "this release does not move slots between shards; replicas follow the nodes by themselves",
});

function refuseMove(): never {
  throw movesLater;
}

/** Makes the handlers of one node. */
export function createClusterHandlers(context: ClusterContext): Handlers {
  return {
    ...membershipHandlers(context),
    getTopology: () => create(GetTopologyResponseSchema, { topology: context.topology() }),
    async *watchTopology(_request, call: HandlerContext): AsyncGenerator<WatchTopologyResponse> {
      while (!call.signal.aborted) {
        yield create(WatchTopologyResponseSchema, { topology: context.topology() });
        // oxlint-disable-next-line no-await-in-loop -- a stream waits for what it reports
        await context.nextTopologyChange(call.signal);
      }
    },
    async getStatus() {
      const { statuses, alarms, topology } = await context.nodeReports();
      return create(GetStatusResponseSchema, { topology, alarms, nodes: statuses });
    },
    async transferLeader(request) {
      const leader = await context.transferShard(request.shard, request.toNode);
      return create(TransferLeaderResponseSchema, { leader });
    },
    listMoves: () => create(ListMovesResponseSchema, {}),
    planChange: refuseMove,
    applyChange: refuseMove,
    cancelChange: refuseMove,
    cancelMove: refuseMove,
  };
}
