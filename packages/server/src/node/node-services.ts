/** The services of the API, made from the parts of a running node. */
import type { ServiceImpl } from "@connectrpc/connect";
import { create } from "@bufbuild/protobuf";
import type { Logger } from "pino";
import {
  type Alarm,
  type ClusterService,
  type KvService,
  type MaintenanceService,
  type NodeStatus,
  NodeStatusSchema,
  type ReadOptions,
  ReplicaRole,
  type Shard,
  ShardSchema,
  type Topology,
} from "@titan-kv/proto";
import type { PeerService } from "@titan-kv/proto/peer";
import { type ClusterContext, createClusterHandlers } from "../cluster/cluster-handlers.ts";
import { MetaProposer } from "../cluster/meta-proposer.ts";
import { createPeerHandlers } from "../cluster/peer-handlers.ts";
import { toTopology } from "../cluster/topology.ts";
import { ApiError } from "../http/api-error.ts";
import { createKvService } from "../kv/kv-service.ts";
import { awaitLevel, scanReplica, type ShardPage, type ShardScanRequest } from "../kv/shard-scan.ts";
import { createMaintenanceService, restoreAlarms } from "../maintenance/create-maintenance.ts";
import { NodeMaintenance } from "../maintenance/node-maintenance.ts";
import { metaShard, nodeOfReplica } from "../meta/cluster-map.ts";
import type { ConsistencyCheck } from "../repair/consistency-check.ts";
import type { Repairer } from "../repair/repairer.ts";
import { type FollowedShard, type FollowFields, followHere, followRemote } from "../kv/shard-follower.ts";
import type { ScanContext } from "../kv/scan-handler.ts";
import type { WatchContext } from "../kv/watch-handler.ts";
import type { AlarmBoard } from "./alarm-board.ts";
import type { NodeCalls } from "./node-calls.ts";
import type { NodeRuntime } from "./node-runtime.ts";
import type { NodeSettings } from "./node-settings.ts";
import type { PeerNetwork } from "../peer/peer-network.ts";

/** The parts that the services are made from. */
export interface ServiceFields {
  readonly runtime: NodeRuntime;
  readonly calls: NodeCalls;
  readonly network: PeerNetwork;
  readonly settings: NodeSettings;
  readonly startedAtMs: number;
  readonly alarms: AlarmBoard;
  readonly repairer: Repairer;
  readonly check: ConsistencyCheck;
  readonly logger: Logger;
}

export class NodeServices {
  readonly meta: MetaProposer;
  readonly kv: ServiceImpl<typeof KvService>;
  readonly cluster: ServiceImpl<typeof ClusterService>;
  readonly maintenance: ServiceImpl<typeof MaintenanceService>;
  readonly peer: ServiceImpl<typeof PeerService>;
  readonly #fields: ServiceFields;

  constructor(fields: ServiceFields) {
    this.#fields = fields;
    const { runtime, calls, logger } = fields;
    this.meta = new MetaProposer({
      proposeHere: (command) => runtime.proposeMetaHere(command),
      isLeader: () => runtime.leadsMeta,
      leader: () => runtime.board.leaderOf(metaShard),
      callNode: (node, command, hops) => calls.meta(node, command, hops),
    });
    this.kv = this.#createKv();
    this.cluster = createClusterHandlers(this.#clusterContext());
    const here = new NodeMaintenance(fields);
    this.maintenance = createMaintenanceService({
      runtime,
      calls,
      here,
      propose: (command) => this.meta.propose(command),
      nodeReports: () => this.#nodeReports(),
      readPage: (shard, request) => this.#readPage(shard, request, undefined),
      logger,
    });
    this.peer = this.#createPeer(here);
  }

  #createKv(): ServiceImpl<typeof KvService> {
    const { runtime, settings } = this.#fields;
    const shards = (): number[] => runtime.map.shards.map(({ id }) => id).filter((id) => id !== metaShard);
    const scan: ScanContext = {
      shards,
      pageReader:
        ({ read }) =>
        (shard, request) =>
          this.#readPage(shard, request, read),
      maxPageEntries: settings.maxScanPageEntries,
    };
    const watch: WatchContext = {
      shardOf: (key) => runtime.router.shardOf(key),
      shards,
      follow: (shard, after, { signal, onEnd }) => this.#follow(shard, after, { signal, onEnd }),
    };
    return createKvService(runtime.pipeline, scan, watch);
  }

  #createPeer(maintenance: NodeMaintenance): ServiceImpl<typeof PeerService> {
    const { runtime } = this.#fields;
    return createPeerHandlers({
      maintenance,
      hosted: (shard) => runtime.shards.get(shard),
      follow: (shard, after, fields) => this.#follow(shard, after, fields),
      proposeMeta: (command, hops) => this.meta.proposeOnce(command, hops),
      report: () => ({
        status: this.#status(),
        alarms: this.#fields.alarms.list(),
        shards: this.#ledShards(),
      }),
      transferHere: (shard, toNode) => this.#transferHere(shard, toNode),
      healLater: (shard, key) => this.#healLater(shard, key),
      reportAt: (shard, index) => this.#fields.check.reportOf(shard, index),
    });
  }

  topology(): Topology {
    const { runtime, network } = this.#fields;
    return toTopology(runtime.map, {
      node: runtime.node,
      nowMs: Date.now(),
      leaderOf: (shard) => runtime.board.leaderOf(shard),
      termOf: (shard) => runtime.board.termOf(shard),
      isAlive: (node) => network.isConnected(node),
    });
  }

  #clusterContext(): ClusterContext {
    const { runtime, network } = this.#fields;
    return {
      map: () => runtime.map,
      topology: () => this.topology(),
      nextTopologyChange: (signal) => runtime.nextTopologyChange(signal),
      propose: (command) => this.meta.propose(command),
      nodeReports: () => this.#nodeReports(),
      transferShard: (shard, toNode) => this.#transferShard(shard, toNode),
      ledBy: (node) =>
        runtime.map.shards.map(({ id }) => id).filter((id) => runtime.board.leaderOf(id) === node),
      isAlive: (node) => node === runtime.node || network.isConnected(node),
    };
  }

  /** A page of a shard: from the replica here, or from the shard's leader, or from any node that has one. */
  async #readPage(
    shard: number,
    request: ShardScanRequest,
    read: ReadOptions | undefined,
  ): Promise<ShardPage> {
    const { runtime, calls } = this.#fields;
    const hosted = runtime.shards.get(shard);
    if (hosted !== undefined) {
      await awaitLevel(hosted.local.replica, read?.level ?? 0);
      return scanReplica(hosted.local.replica, hosted.store, request);
    }
    const leader = runtime.board.leaderOf(shard);
    const node = leader === 0 ? (runtime.router.table.holdersOf(shard)[0] ?? 0) : leader;
    return calls.scanShard(node, shard, request, read);
  }

  /** The changes of a shard: from the replica here, or from a node that has one. */
  async #follow(shard: number, after: number | undefined, fields: FollowFields): Promise<FollowedShard> {
    const { runtime, calls } = this.#fields;
    const hosted = runtime.shards.get(shard);
    if (hosted === undefined) {
      const [node] = runtime.otherHolders(shard);
      return followRemote(shard, after, {
        ...fields,
        open: (id, revision, signal) => calls.watchShard(node ?? 0, id, revision, signal),
      });
    }
    const isHere = (): boolean => runtime.shards.get(shard) === hosted;
    return followHere(hosted.local.replica, after, { ...fields, isHere });
  }

  /** A node that does not answer in time has no status among them. */
  async #nodeReports(): Promise<{ statuses: NodeStatus[]; alarms: Alarm[]; topology: Topology }> {
    const { runtime, calls, network } = this.#fields;
    const others = runtime.map.nodes.filter(({ id }) => id !== runtime.node && network.isConnected(id));
    const reports = await Promise.allSettled(others.map(({ id }) => calls.report(id)));
    const own = { status: this.#status(), alarms: this.#fields.alarms.list(), shards: this.#ledShards() };
    const answered = reports.flatMap((report) => (report.status === "fulfilled" ? [report.value] : []));
    const topology = this.topology();
    for (const { shards } of [own, ...answered]) for (const shard of shards) addProgress(topology, shard);
    return {
      statuses: [own, ...answered].flatMap(({ status }) => (status === undefined ? [] : [status])),
      alarms: [...restoreAlarms(runtime), ...[own, ...answered].flatMap(({ alarms }) => alarms)],
      topology,
    };
  }

  #status(): NodeStatus {
    const { runtime, settings, startedAtMs } = this.#fields;
    const hosted = runtime.shards.all();
    const stats = hosted.map(({ store }) => store.stats());
    const internal = hosted.reduce((sum, { local }) => sum + internalRecords(local.replica.machine), 0);
    return create(NodeStatusSchema, {
      id: runtime.node,
      startedAtMs: BigInt(startedAtMs),
      durability: settings.durability,
      diskBytes: BigInt(stats.reduce((sum, { totalBytes }) => sum + totalBytes, 0)),
      memoryBytes: BigInt(process.memoryUsage.rss()),
      keys: BigInt(Math.max(0, stats.reduce((sum, { keys }) => sum + keys, 0) - internal)),
    });
  }

  /** What this node knows of the replicas of the shards that it leads. */
  #ledShards(): Shard[] {
    const { runtime } = this.#fields;
    return runtime.shards.all().flatMap(({ shard, group, local }) => {
      const { role, progress, lastIndex, hardState, stateIndex } = group.status();
      if (role !== "leader") return [];
      return create(ShardSchema, {
        id: shard,
        leader: runtime.node,
        term: BigInt(hardState.term),
        revision: BigInt(local.replica.machine.revision),
        appliedIndex: BigInt(stateIndex),
        replicas: progress.map(({ replica, match, learner }) => ({
          node: nodeOfReplica(replica),
          replica: BigInt(replica),
          role: learner ? ReplicaRole.LEARNER : ReplicaRole.VOTER,
          matchIndex: BigInt(match),
          lagEntries: BigInt(Math.max(0, lastIndex - match)),
        })),
      });
    });
  }

  #healLater(shard: number, key: Uint8Array): void {
    const { runtime, repairer } = this.#fields;
    const hosted = runtime.shards.get(shard);
    if (hosted === undefined) return;
    try {
      hosted.local.replica.machine.getEntry(key);
    } catch (error) {
      // Whoever asked has been told; the outcome is counted and logged where it is decided.
      repairer.heal(hosted.local.replica, key, error).catch(() => undefined);
    }
  }

  async #transferShard(shard: number, toNode: number): Promise<number> {
    const { runtime, calls } = this.#fields;
    const leader = runtime.board.leaderOf(shard);
    if (leader === runtime.node) return this.#transferHere(shard, toNode);
    if (leader === 0) {
      throw new ApiError({
        reason: "NOT_LEADER",
        outcome: "NOT_APPLIED",
        message: `shard ${shard} has no known leader`,
      });
    }
    return calls.transferShard(leader, shard, toNode);
  }

  async #transferHere(shard: number, toNode: number): Promise<number> {
    const { runtime } = this.#fields;
    const group = shard === metaShard ? runtime.meta?.group : runtime.shards.get(shard)?.group;
    const status = group?.status();
    if (group === undefined || status?.role !== "leader") {
      throw new ApiError({
        reason: "NOT_LEADER",
        outcome: "NOT_APPLIED",
        message: `this node does not lead shard ${shard}`,
      });
    }
    const target = status.configuration.voters.find((replica) => nodeOfReplica(replica) === toNode);
    if (toNode !== 0 && target === undefined) {
      throw new ApiError({
        reason: "FAILED_PRECONDITION",
        outcome: "NOT_APPLIED",
        message: `node ${toNode} has no voting replica of shard ${shard}`,
      });
    }
    if (toNode !== runtime.node) await group.transferLeader(target);
    return nodeOfReplica(group.status().leader);
  }
}

/** Records that a shard keeps for itself beside the keys of its users: one for each session, and its slots. */
function internalRecords({ sessions, epoch }: { readonly sessions: number; readonly epoch: number }): number {
  return sessions + (epoch > 0 ? 1 : 0);
}

/** Adds what a shard's leader knows to the topology of the asking node. */
function addProgress(topology: Topology, reported: Shard): void {
  const shard = topology.shards.find(({ id }) => id === reported.id);
  if (shard === undefined || reported.term < shard.term) return;
  shard.leader = reported.leader;
  shard.term = reported.term;
  shard.revision = reported.revision;
  shard.appliedIndex = reported.appliedIndex;
  for (const replica of shard.replicas) {
    const known = reported.replicas.find((each) => each.replica === replica.replica);
    if (known === undefined) continue;
    // What it is, where the map says what it is meant to be.
    replica.role = known.role;
    replica.matchIndex = known.matchIndex;
    replica.lagEntries = known.lagEntries;
  }
}
