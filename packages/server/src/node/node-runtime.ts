/**
 * A running node: its replicas, what it knows of the cluster, and how news travels between its parts. Three kinds of news
 * change anything: a new cluster map, a change of leadership, and a message from another node.
 */
import { Host, type HostEvent, type Metrics, type Transport } from "@titan-kv/raft/host";
import type { LogStorage } from "@titan-kv/raft/host";
import { Alarm_Kind as AlarmKind } from "@titan-kv/proto";
import type { Logger } from "pino";
import { Deadlines } from "../kv/deadlines.ts";
import { Forwarder } from "../kv/forwarder.ts";
import { type PipelineContext, PipelineStream } from "../kv/pipeline-stream.ts";
import type { DamageHandler, ReadObserver } from "../kv/read-path.ts";
import { Router } from "../kv/router.ts";
import { defaultWritePathLimits } from "../kv/write-path.ts";
import {
  type ClusterMap,
  emptyClusterMap,
  metaShard,
  nodeOf,
  nodeOfReplica,
  shardOf,
} from "../meta/cluster-map.ts";
import { encodeMetaCommand, type MetaCommand, type MetaResult } from "../meta/meta-command.ts";
import { slotOwners } from "../meta/placement.ts";
import { restoresOf } from "../meta/restore-record.ts";
import { PeerChannel } from "../peer/peer-channel.ts";
import type { PeerListener, PeerNetwork } from "../peer/peer-network.ts";
import { defaultSessionLimits } from "../shard/session-table.ts";
import type { AlarmBoard } from "./alarm-board.ts";
import type { HostedMeta, HostedShard } from "./hosted-replica.ts";
import { decodeAnnouncement, encodeAnnouncement, LeadershipBoard } from "./leadership-board.ts";
import { LocalShards } from "./local-shards.ts";
import type { NodeSettings } from "./node-settings.ts";
import type { Flushable } from "./replica-flusher.ts";
import { openMeta } from "./open-meta.ts";

/** How often a node repeats to all others which shards it leads, in milliseconds. */
const announceIntervalMs = 1000;
/** Operations of one stream that may be under way. */
const maxStreamOperations = 16_384;

/** What a runtime is made of. */
export interface RuntimeFields {
  readonly settings: NodeSettings;
  readonly node: number;
  readonly clusterId: string;
  readonly metaReplica: number;
  /** Replica ids with which the meta group begins; empty on a node that joined. */
  readonly metaFounders: readonly number[];
  readonly log: LogStorage;
  readonly network: PeerNetwork;
  readonly observeRead: ReadObserver;
  readonly heal: DamageHandler;
  readonly raftMetrics: Metrics;
  /** What measures the operations that come in pipelines. */
  readonly meterOf: PipelineContext["meterOf"];
  /** Told when this node sees another leader of a shard. */
  readonly onLeaderChange: (shard: number) => void;
  /** Told when a replica begins to serve. */
  readonly onShardOpened: (hosted: HostedShard) => void;
  /** Told when the node cannot go on. */
  readonly onFailure: (reason: string) => void;
  readonly alarms: AlarmBoard;
  readonly logger: Logger;
}

export class NodeRuntime implements PeerListener {
  readonly node: number;
  readonly router: Router;
  readonly board: LeadershipBoard = new LeadershipBoard();
  readonly deadlines: Deadlines;
  readonly pipeline: PipelineContext;
  readonly shards: LocalShards;
  readonly host: Host;
  readonly #fields: RuntimeFields;
  readonly #forwarder: Forwarder;
  readonly #now = (): number => performance.now();
  /** One pipeline for each node that passes operations on to this one. */
  readonly #forwarded = new Map<number, PipelineStream>();
  readonly #topologyWaiters = new Set<() => void>();
  #meta: HostedMeta | undefined;
  #map: ClusterMap = emptyClusterMap;
  #announcer: NodeJS.Timeout | undefined;
  /** Why the node must not be used, or undefined. */
  failure: string | undefined;

  constructor(fields: RuntimeFields) {
    this.#fields = fields;
    this.node = fields.node;
    const { settings, network, logger } = fields;
    this.#forwarder = new Forwarder({
      send: (node, message) => network.send(node, PeerChannel.Forward, message),
      now: this.#now,
    });
    this.router = new Router({ limits: settings.limits, forwarder: this.#forwarder });
    this.deadlines = new Deadlines(this.#now);
    this.pipeline = {
      router: this.router,
      deadlines: this.deadlines,
      now: this.#now,
      defaultTimeoutMs: settings.defaultTimeoutMs,
      maxTimeoutMs: settings.maxTimeoutMs,
      maxStreamOperations,
      maxBatchOperations: settings.limits.maxBatchOperations,
      meterOf: fields.meterOf,
    };
    const transport: Transport = { send: (node, frame) => network.send(node, PeerChannel.Raft, frame) };
    this.host = new Host({
      node: fields.node,
      cluster: fields.clusterId,
      log: fields.log,
      transport,
      nodeOf: nodeOfReplica,
      onEvent: (event) => this.#onHostEvent(event),
      timing: settings.timing,
      limits: { maxProposalBytes: settings.maxProposalBytes },
      metrics: fields.raftMetrics,
    });
    this.shards = new LocalShards({
      environment: this.#shardEnvironment(),
      listener: {
        opened: (hosted) => this.#opened(hosted),
        closed: (hosted) => this.router.removeLocal(hosted.shard),
      },
      logger,
    });
  }

  get map(): ClusterMap {
    return this.#map;
  }

  get meta(): HostedMeta | undefined {
    return this.#meta;
  }

  /** Opens the meta group's replica; everything else follows from the map that it holds. */
  async start(): Promise<void> {
    const { settings, metaReplica, metaFounders } = this.#fields;
    this.deadlines.start();
    this.#announcer = setInterval(() => this.#announce(), announceIntervalMs);
    this.#announcer.unref();
    this.#meta = await openMeta({
      host: this.host,
      directory: settings.directory,
      replica: metaReplica,
      founders: metaFounders,
      onChange: (map) => this.#onMap(map),
    });
    this.#onMap(this.#meta.machine.map);
  }

  /** Hands leadership over, stops the groups, closes the stores. */
  async stop(): Promise<void> {
    clearInterval(this.#announcer);
    await this.host.stop();
    await this.shards.stop();
    await this.#meta?.store.close();
    this.deadlines.stop();
  }

  /** Proposes to this node's replica of the meta group. */
  proposeMetaHere(command: MetaCommand): Promise<MetaResult | undefined> | undefined {
    return this.#meta?.group.propose(encodeMetaCommand(command));
  }

  get leadsMeta(): boolean {
    return this.board.leaderOf(metaShard) === this.node && this.#meta?.group.status().role === "leader";
  }

  /** The stores whose unsynced writes have to reach the disk now and then. */
  flushables(): Flushable[] {
    const adapters = this.shards.all().map(({ adapter }) => adapter);
    return this.#meta === undefined ? adapters : [...adapters, this.#meta.machine];
  }

  /** Other nodes that hold a replica of a shard, its leader first. */
  otherHolders(shard: number): number[] {
    const leader = this.board.leaderOf(shard);
    const holders = this.router.table.holdersOf(shard).filter((node) => node !== this.node);
    return holders.toSorted((a, b) => Number(b === leader) - Number(a === leader));
  }

  /** Resolves when something in the topology has changed, or the signal aborts. */
  nextTopologyChange(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#topologyWaiters.delete(done);
        signal.removeEventListener("abort", done);
        resolve();
      };
      this.#topologyWaiters.add(done);
      signal.addEventListener("abort", done);
    });
  }

  message(node: number, channel: PeerChannel, message: Uint8Array): void {
    switch (channel) {
      case PeerChannel.Raft:
        this.host.receive(node, message);
        return;
      case PeerChannel.Forward:
        this.#forwardedFrom(node).receive(message, 0, message.length);
        return;
      case PeerChannel.ForwardAnswer:
        this.#forwarder.receive(node, message);
        return;
      case PeerChannel.Leadership:
        for (const { shard, term } of decodeAnnouncement(message)) this.#learnLeader(shard, node, term);
        return;
    }
  }

  connected(node: number): void {
    this.#fields.network.send(node, PeerChannel.Leadership, encodeAnnouncement(this.#led()));
    this.#topologyChanged();
  }

  disconnected(node: number): void {
    this.#forwarder.disconnected(node);
    this.#forwarded.get(node)?.close();
    this.#forwarded.delete(node);
    this.#topologyChanged();
  }

  expelled(reason: string): void {
    this.failure = reason;
    this.#fields.onFailure(reason);
  }

  #forwardedFrom(node: number): PipelineStream {
    let stream = this.#forwarded.get(node);
    if (stream === undefined) {
      const send = (message: Uint8Array): void => {
        this.#fields.network.send(node, PeerChannel.ForwardAnswer, message);
      };
      stream = new PipelineStream({ context: this.pipeline, send, wasForwarded: true });
      this.#forwarded.set(node, stream);
    }
    return stream;
  }

  #shardEnvironment(): ConstructorParameters<typeof LocalShards>[0]["environment"] {
    const { settings, observeRead, heal } = this.#fields;
    return {
      node: this.node,
      host: this.host,
      directory: settings.directory,
      sessionLimits: defaultSessionLimits,
      writeLimits: { ...defaultWritePathLimits, maxPendingOperations: settings.maxPendingOperations },
      policy: {},
      leaseReads: settings.leaseReads,
      maxClockDrift: settings.maxClockDriftPercent / 100,
      now: this.#now,
      wallClock: Date.now,
      addressOf: (node) => nodeOf(this.#map, node)?.address,
      observeRead,
      heal,
    };
  }

  #opened(hosted: HostedShard): void {
    this.router.addLocal(hosted.shard, hosted.local);
    this.#fields.onShardOpened(hosted);
    this.#updateLeadership(hosted);
  }

  #onMap(map: ClusterMap): void {
    this.#map = map;
    const { network, logger } = this.#fields;
    for (const { id, peerAddress, state } of map.nodes) {
      if (id === this.node) continue;
      if (state === "removed") network.forget(id);
      else network.setAddress(id, peerAddress);
    }
    const holders = new Map(map.shards.map(({ id, replicas }) => [id, replicas.map(({ node }) => node)]));
    this.router.update({
      epoch: map.epoch,
      slotOwners: slotOwners(map),
      leaderOf: (shard) => this.board.leaderOf(shard),
      holdersOf: (shard) => holders.get(shard) ?? [],
      addressOf: (node) => nodeOf(map, node)?.address,
    });
    this.shards
      .follow(map)
      .catch((error: unknown) => logger.error({ err: error }, "the map could not be followed"));
    this.#topologyChanged();
  }

  #onHostEvent(event: HostEvent): void {
    const { logger, alarms } = this.#fields;
    switch (event.type) {
      case "leader": {
        const hosted = this.shards.get(event.group);
        if (hosted !== undefined) this.#updateLeadership(hosted);
        if (event.leader !== 0) this.#learnLeader(event.group, nodeOfReplica(event.leader), event.term);
        if (event.role === "leader") this.#announce();
        return;
      }
      case "groupFailed":
        logger.error({ err: event.error, shard: event.group }, "a replica has stopped");
        alarms.raise(
          { kind: AlarmKind.CORRUPT, shard: event.group },
          `the replica has stopped: ${event.error.message}`,
        );
        this.fence(event.group, `it failed: ${event.error.message}`);
        return;
      case "logFailed":
        logger.fatal({ err: event.error }, "the log cannot be written: the node no longer takes part");
        alarms.raise({ kind: AlarmKind.FSYNC_FAILED, shard: 0 }, event.error.message);
        this.failure = `the log cannot be written: ${event.error.message}`;
        this.#fields.onFailure(this.failure);
        return;
      case "configuration":
        logger.info({ shard: event.group, configuration: event.configuration }, "members changed");
        return;
      case "diskStalled":
        alarms.raise(
          { kind: AlarmKind.SLOW_DISK, shard: 0 },
          `the disk has not answered for ${event.pendingMs} ms`,
        );
        return;
      case "diskRecovered":
        alarms.clear({ kind: AlarmKind.SLOW_DISK, shard: 0 });
        return;
      case "snapshotDamaged":
        logger.error(event, "a stored snapshot is damaged: the state is made or fetched anew");
        return;
      case "suspended":
        logger.warn(event, "the node was held up");
        return;
      case "snapshotInstalled":
        logger.info(event, "the state of a replica was taken over from its leader");
        return;
      case "compacted":
        logger.debug(event, "the log was shortened");
    }
  }

  /** Takes a replica out of service: it answers nothing until an operator has looked at it. */
  fence(shard: number, reason: string): void {
    const replica = this.router.local(shard)?.replica;
    if (replica !== undefined) replica.fencedBecause = reason;
  }

  /** Copies what the group says about its leader to where the request path looks. */
  #updateLeadership(hosted: HostedShard): void {
    const { leader, role, hardState } = hosted.group.status();
    hosted.local.replica.leadership = {
      term: hardState.term,
      leader: leader === 0 ? 0 : nodeOfReplica(leader),
      isLeader: role === "leader",
    };
  }

  #learnLeader(shard: number, node: number, term: number): void {
    if (!this.board.learn(shard, { node, term })) return;
    this.#fields.onLeaderChange(shard);
    this.#topologyChanged();
  }

  #led(): { shard: number; term: number }[] {
    const led = this.shards
      .all()
      .filter(({ local }) => local.replica.leadership.isLeader)
      .map(({ shard, local }) => ({ shard, term: local.replica.leadership.term }));
    const meta = this.#meta?.group.status();
    return meta?.role === "leader" ? [{ shard: metaShard, term: meta.hardState.term }, ...led] : led;
  }

  /** Tells every node which shards this one leads. */
  #announce(): void {
    const led = this.#led();
    if (led.length === 0) return;
    const message = encodeAnnouncement(led);
    for (const { id, state } of this.#map.nodes) {
      if (id !== this.node && state !== "removed")
        this.#fields.network.send(id, PeerChannel.Leadership, message);
    }
  }

  #topologyChanged(): void {
    for (const waiter of this.#topologyWaiters) waiter();
  }

  /** Whether this node knows its cluster and every shard on it has a leader. */
  unreadyReasons(): string[] {
    if (this.failure !== undefined) return [this.failure];
    if (this.#map.clusterId === "") return ["the cluster is not founded, or this node has not heard of it"];
    const reasons: string[] = [];
    for (const { id, replicas } of this.#map.shards) {
      if (replicas.some(({ node }) => node === this.node) && this.board.leaderOf(id) === 0) {
        reasons.push(`shard ${id} has no known leader`);
      }
    }
    if (restoresOf(this.#map).active) reasons.push("a restore from a snapshot has not finished");
    if (shardOf(this.#map, metaShard) === undefined) reasons.push("there is no meta group");
    return reasons;
  }
}
