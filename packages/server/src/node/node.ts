/**
 * A node of a cluster, from an empty directory or a full one to serving, and back to a closed directory.
 *
 * The order of the start matters: the log is opened first, because its lock keeps a second process out of the directory;
 * clients are let in last.
 */
import { join } from "node:path";
import { type Alarm, ClusterService, KvService } from "@titan-kv/proto";
import { PeerService } from "@titan-kv/proto/peer";
import { FileLog } from "@titan-kv/raft/wal";
import type { Logger } from "pino";
import { ClientPort } from "../http/client-port.ts";
import { livenessPage, readinessPage } from "../http/pages.ts";
import { defaultPortLimits } from "../http/port-limits.ts";
import { TlsFiles } from "../http/tls-files.ts";
import { pipelinePath, servePipeline } from "../kv/kv-service.ts";
import { metaShard, replicaIdOf } from "../meta/cluster-map.ts";
import type { FoundCommand, NodeDescription } from "../meta/meta-command.ts";
import { metaVotersAmong } from "../meta/placement.ts";
import { openSocketNetwork } from "../peer/socket-network.ts";
import type { PeerNetwork } from "../peer/peer-network.ts";
import { createAdmission } from "./admission.ts";
import { Repairer } from "../repair/repairer.ts";
import { Introduction } from "./introduction.ts";
import { joinCluster } from "./join-cluster.ts";
import { registerLate } from "./late-service.ts";
import { LeaderDuties } from "./leader-duties.ts";
import { NodeCalls } from "./node-calls.ts";
import { IdentityError, type NodeIdentity, openIdentity, saveIdentity } from "./node-identity.ts";
import { NodeRuntime } from "./node-runtime.ts";
import { NodeServices } from "./node-services.ts";
import type { NodeSettings, PortSettings } from "./node-settings.ts";
import { ReplicaFlusher } from "./replica-flusher.ts";
import { version } from "./version.ts";

/** How long clients' calls may finish when a node stops, in milliseconds. */
const stopGraceMs = 5000;

/** Founders begin with the replicas of this generation; see `replicaIdOf`. */
const founderGeneration = 1;

/** A node that serves. */
export interface RunningNode {
  readonly node: number;
  /** `host:port` for clients. */
  readonly address: string;
  /** `host:port` for other nodes. */
  readonly peerAddress: string;
  /** Resolves when the cluster does not want the node any more, or it cannot go on, with the reason. */
  readonly failed: Promise<string>;
  /** Why the node cannot serve everything now; empty when it can. */
  unreadyReasons(): string[];
  /** Hands leadership over, lets calls finish, closes everything. */
  stop(): Promise<void>;
}

/** Starts a node. Rejects when the directory is in use, belongs to another node, or the ports are taken. */
export async function startNode(settings: NodeSettings, logger: Logger): Promise<RunningNode> {
  const starter = new NodeStarter(settings, logger);
  try {
    return await starter.start();
  } catch (error) {
    await starter.undo();
    throw error;
  }
}

function describePort(
  port: { readonly host: string; readonly port: number },
  settings: PortSettings,
): string {
  return settings.advertised ?? `${port.host}:${port.port}`;
}

/** The steps of a start, each of which knows how to be undone. */
class NodeStarter {
  readonly #settings: NodeSettings;
  readonly #logger: Logger;
  readonly #undo: (() => Promise<void> | void)[] = [];
  #runtime: NodeRuntime | undefined;
  #services: NodeServices | undefined;

  constructor(settings: NodeSettings, logger: Logger) {
    this.#settings = settings;
    this.#logger = logger;
  }

  async start(): Promise<RunningNode> {
    const { settings } = this;
    const log = await FileLog.open({ directory: join(settings.directory, "wal") });
    let logIsOurs = true;
    this.#undo.push(() => (logIsOurs ? log.close() : undefined));
    const opened = await openIdentity(settings.directory);
    const port = await this.#openClientPort();
    const address = describePort(port.address, settings.client);
    const identity = await this.#becomeMember(opened, address);
    const network = await this.#openNetwork(identity);
    const calls = new NodeCalls(network);
    const repairer = this.#createRepairer(calls);
    const runtime = new NodeRuntime({
      settings,
      node: identity.node,
      starts: identity.starts,
      clusterId: identity.clusterId,
      metaReplica: identity.metaReplica,
      metaFounders: this.#metaFounders(),
      log,
      network,
      observeRead: repairer.observe,
      heal: repairer.heal,
      logger: this.#logger,
    });
    // From here on the log belongs to the host, which closes it.
    logIsOurs = false;
    this.#undo.push(() => runtime.stop());
    this.#runtime = runtime;
    this.#services = new NodeServices({
      runtime,
      calls,
      network,
      settings,
      startedAtMs: Date.now(),
      alarms: (): Alarm[] => [],
      repairer,
    });
    await runtime.start();
    return this.#serve({ runtime, services: this.#services, network, port, identity, address });
  }

  #createRepairer(calls: NodeCalls): Repairer {
    return new Repairer({
      hosted: (shard) => this.#runtime?.shards.get(shard),
      otherHolders: (shard) => this.#runtime?.otherHolders(shard) ?? [],
      fingerprint: (node, shard, key, atIndex) => calls.fingerprint(node, shard, key, atIndex),
      fetch: async (shard, key) => {
        let failure: unknown = new Error(`no other node holds shard ${shard}`);
        for (const node of this.#runtime?.otherHolders(shard) ?? []) {
          try {
            // oxlint-disable-next-line no-await-in-loop -- the next one is asked only if this one cannot help
            return await calls.fetchRecord(node, shard, key);
          } catch (error) {
            failure = error;
          }
        }
        throw failure;
      },
      onDiverged: () => undefined,
      sampleShare: this.#settings.readRepairShare,
      random: Math.random,
      logger: this.#logger,
    });
  }

  /** Undoes what was done, the last thing first. */
  async undo(): Promise<void> {
    for (const step of this.#undo.toReversed()) {
      // oxlint-disable-next-line no-await-in-loop -- in order
      await Promise.resolve(step()).catch((error: unknown) =>
        this.#logger.warn({ err: error }, "while stopping"),
      );
    }
  }

  get settings(): NodeSettings {
    return this.#settings;
  }

  #serve(parts: {
    readonly runtime: NodeRuntime;
    readonly services: NodeServices;
    readonly network: PeerNetwork;
    readonly port: ClientPort;
    readonly identity: NodeIdentity;
    readonly address: string;
  }): RunningNode {
    const { runtime, services, network, port, identity, address } = parts;
    const logger = this.#logger;
    port.registerStream(pipelinePath, (stream) => servePipeline(runtime.pipeline, stream));
    const { promise: failed, resolve: fail } = Promise.withResolvers<string>();
    const propose = services.meta.propose.bind(services.meta);
    const duties = new LeaderDuties({
      map: () => runtime.map,
      shards: () => runtime.shards.all(),
      meta: () => runtime.meta,
      proposeMeta: propose,
      wallClock: Date.now,
      now: () => performance.now(),
      logger,
    });
    const introduction = new Introduction({
      node: identity.node,
      token: identity.token,
      description: this.#description(address, network.address),
      found: this.#foundCommand(identity.clusterId),
      map: () => runtime.map,
      propose,
      onRefused: fail,
      logger,
    });
    const flusher = new ReplicaFlusher({
      targets: () => [
        ...runtime.shards.all().map(({ adapter }) => adapter),
        ...(runtime.meta === undefined ? [] : [runtime.meta.machine]),
      ],
      logger,
    });
    const stoppable = [duties, introduction, flusher];
    for (const part of stoppable) {
      part.start();
      this.#undo.push(() => part.stop());
    }
    let stopping: Promise<void> | undefined;
    return {
      node: identity.node,
      address,
      peerAddress: network.address,
      failed,
      unreadyReasons: () => runtime.unreadyReasons(),
      stop: () => (stopping ??= this.undo()),
    };
  }

  /** The port for clients is open before the node has an id, so that its address can be told to the cluster. */
  async #openClientPort(): Promise<ClientPort> {
    const { client } = this.#settings;
    const files = client.tls === undefined ? undefined : await TlsFiles.load(client.tls);
    const port = await ClientPort.open({
      host: client.host,
      port: client.port,
      tls:
        files === undefined
          ? undefined
          : { files, requireClientCertificate: client.tls?.requireClientCertificate === true },
      routes: (router) => {
        registerLate(router, KvService, () => this.#services?.kv);
        registerLate(router, ClusterService, () => this.#services?.cluster);
      },
      pages: new Map([
        ["/livez", () => livenessPage()],
        ["/readyz", () => readinessPage(this.#readiness())],
      ]),
      origins: { allowedOrigins: [], hostNames: [client.host] },
      limits: { ...defaultPortLimits, maxRequestBytes: this.#settings.limits.maxRequestBytes },
      logger: this.#logger,
    });
    this.#undo.push(() => port.stop(stopGraceMs));
    return port;
  }

  #readiness(): { ready: boolean; reasons: string[] } {
    const reasons = this.#runtime?.unreadyReasons() ?? ["the node is starting"];
    return { ready: reasons.length === 0, reasons };
  }

  async #openNetwork(identity: NodeIdentity): Promise<PeerNetwork> {
    const { peer } = this.#settings;
    const network = await openSocketNetwork({
      host: peer.host,
      port: peer.port,
      advertised: peer.advertised,
      self: {
        clusterId: identity.clusterId,
        node: identity.node,
        incarnation: identity.starts,
        token: identity.token,
      },
      admit: createAdmission({
        clusterId: identity.clusterId,
        founders: this.#founderIds(),
        map: () => this.#runtime!.map,
      }),
      tls: peer.tls === undefined ? undefined : await TlsFiles.load(peer.tls),
      listener: () => this.#runtime,
      routes: (router) => registerLate(router, PeerService, () => this.#services?.peer),
      logger: this.#logger,
    });
    this.#undo.push(() => network.stop());
    for (const { node, address } of this.#firstPeers(identity)) network.setAddress(node, address);
    return network;
  }

  /** Where to find others before the cluster map is known. */
  #firstPeers(identity: NodeIdentity): NodeIdentity["peers"] {
    const { membership } = this.#settings;
    if (membership.type !== "found") return identity.peers;
    const founders = membership.founders.map(({ node, peerAddress }) => ({ node, address: peerAddress }));
    return founders.filter(({ node }) => node !== identity.node);
  }

  /** Finds out which node this directory is, or makes it one. */
  async #becomeMember(opened: NodeIdentity, address: string): Promise<NodeIdentity> {
    const { membership, clusterId, directory } = this.#settings;
    if (opened.node !== 0) return this.#checkIdentity(opened);
    if (membership.type === "restart") {
      throw new IdentityError(`${directory} holds no node; found a cluster or join one`);
    }
    const identity =
      membership.type === "found"
        ? {
            ...opened,
            node: membership.node,
            clusterId,
            metaReplica: replicaIdOf(membership.node, founderGeneration),
          }
        : await this.#join(opened, membership.seeds, address);
    await saveIdentity(directory, identity);
    return identity;
  }

  #checkIdentity(identity: NodeIdentity): NodeIdentity {
    const { membership, clusterId, directory } = this.#settings;
    if (clusterId !== "" && clusterId !== identity.clusterId) {
      throw new IdentityError(`${directory} belongs to cluster ${identity.clusterId}, not ${clusterId}`);
    }
    if (membership.type === "found" && membership.node !== identity.node) {
      throw new IdentityError(`${directory} belongs to node ${identity.node}, not ${membership.node}`);
    }
    return identity;
  }

  async #join(opened: NodeIdentity, seeds: readonly string[], address: string): Promise<NodeIdentity> {
    const { clusterId, zone, weight, peer } = this.#settings;
    const peerAddress = peer.advertised ?? `${peer.host}:${peer.port}`;
    const fields = { clusterId, token: opened.token, address, peerAddress, zone, weight, version };
    const { node, topology } = await joinCluster(seeds, fields, this.#logger);
    const meta = topology?.shards.find(({ id }) => id === metaShard);
    const replica = meta?.replicas.find((each) => each.node === node)?.replica;
    if (topology === undefined || replica === undefined) {
      throw new IdentityError("the cluster let this node join without telling its place in the meta group");
    }
    const peers = topology.nodes
      .filter(({ id }) => id !== node)
      .map(({ id, peerAddress: where }) => ({ node: id, address: where }));
    return { ...opened, node, clusterId: topology.clusterId, metaReplica: Number(replica), peers };
  }

  #founderIds(): number[] {
    const { membership } = this.#settings;
    return membership.type === "found" ? membership.founders.map(({ node }) => node) : [];
  }

  #metaFounders(): number[] {
    return metaVotersAmong(this.#founderIds()).map((node) => replicaIdOf(node, founderGeneration));
  }

  #description(address: string, peerAddress: string): NodeDescription {
    const { zone, weight } = this.#settings;
    return { address, peerAddress, zone, weight, version };
  }

  #foundCommand(clusterId: string): FoundCommand | undefined {
    const { membership, replicationFactor } = this.#settings;
    if (membership.type !== "found") return undefined;
    const nodes = membership.founders.map(({ node, address, peerAddress, zone, weight }) => {
      return { id: node, address, peerAddress, zone, weight, version };
    });
    return { type: "found", clusterId, replicationFactor, nodes };
  }
}
