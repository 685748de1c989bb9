/**
 * A node of a cluster, from an empty directory or a full one to serving, and back to a closed directory.
 *
 * The order of the start matters: the log is opened first, because its lock keeps a second process out of the directory;
 * clients are served last.
 */
import { ClusterService, KvService, MaintenanceService } from "@titan-kv/proto";
import { PeerService } from "@titan-kv/proto/peer";
import type { Logger } from "pino";
import { isLoopback } from "../config/option-rules.ts";
import { ClientPort } from "../http/client-port.ts";
import { healthRoutes } from "../http/health.ts";
import { livenessPage, type PageHandler, readinessPage } from "../http/pages.ts";
import { reflectionRoutes } from "../http/reflection.ts";
import { TlsFiles } from "../http/tls-files.ts";
import { pipelinePath, servePipeline } from "../kv/kv-service.ts";
import { activeTracer, tracingInterceptor } from "../observability/tracing.ts";
import { OperationMeters } from "../observability/operation-meters.ts";
import { requestMetricsInterceptor } from "../observability/request-metrics.ts";
import { openSocketNetwork } from "../peer/socket-network.ts";
import type { PeerNetwork } from "../peer/peer-network.ts";
import type { ConsistencyCheck } from "../repair/consistency-check.ts";
import { AlarmBoard } from "./alarm-board.ts";
import { createAdmission } from "./admission.ts";
import { becomeMember, firstPeers, foundCommand, founderIds, metaFounders } from "./become-member.ts";
import { createConsistencyCheck } from "./create-consistency-check.ts";
import { createRepairer } from "./create-repairer.ts";
import { DiskSpace } from "./disk-space.ts";
import { Introduction } from "./introduction.ts";
import { registerLate } from "./late-service.ts";
import { LeaderDuties } from "./leader-duties.ts";
import { NodeCalls } from "./node-calls.ts";
import { type NodeIdentity, openIdentity } from "./node-identity.ts";
import { NodeRuntime } from "./node-runtime.ts";
import { NodeServices } from "./node-services.ts";
import type { NodeSettings, PortSettings } from "./node-settings.ts";
import { NodeTelemetry } from "./node-telemetry.ts";
import { openLog } from "./open-log.ts";
import { ReplicaFlusher } from "./replica-flusher.ts";
import { version } from "./version.ts";

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

/**
 * Starts a node. Rejects when the directory is in use, belongs to another node, or the ports are taken; everything that was
 * opened is closed again then.
 */
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

/** Names under which the port may be called by browsers. */
function hostNamesOf({ host, advertised }: PortSettings): string[] {
  return advertised === undefined ? [host] : [host, advertised.slice(0, advertised.lastIndexOf(":"))];
}

/** The steps of a start, each of which knows how to be undone. */
class NodeStarter {
  readonly #settings: NodeSettings;
  readonly #logger: Logger;
  readonly #telemetry = new NodeTelemetry();
  readonly #alarms: AlarmBoard;
  readonly #undo: (() => Promise<void> | void)[] = [];
  readonly #failed = Promise.withResolvers<string>();
  #runtime: NodeRuntime | undefined;
  #services: NodeServices | undefined;

  constructor(settings: NodeSettings, logger: Logger) {
    this.#settings = settings;
    this.#logger = logger;
    this.#alarms = new AlarmBoard(logger);
  }

  async start(): Promise<RunningNode> {
    const settings = this.#settings;
    const log = await openLog(settings, this.#failed.resolve, this.#logger);
    let logIsOurs = true;
    this.#undo.push(() => (logIsOurs ? log.close() : undefined));
    const port = await this.#openClientPort();
    const address = describePort(port.address, settings.client);
    const identity = await becomeMember(
      settings,
      await openIdentity(settings.directory),
      address,
      this.#logger,
    );
    const network = await this.#openNetwork(identity);
    this.#alarms.node = identity.node;
    const calls = new NodeCalls(network);
    const repairer = createRepairer({
      calls,
      runtime: () => this.#runtime,
      alarms: this.#alarms,
      settings,
      logger: this.#logger,
    });
    const check = this.#createCheck(calls);
    // From here on the log belongs to the host, which closes it.
    logIsOurs = false;
    const runtime = new NodeRuntime({
      settings,
      node: identity.node,
      clusterId: identity.clusterId,
      metaReplica: identity.metaReplica,
      metaFounders: metaFounders(settings),
      log,
      network,
      observeRead: repairer.observe,
      heal: repairer.heal,
      raftMetrics: this.#telemetry.raftMetrics,
      meterOf: new OperationMeters(this.#telemetry.metrics, () => performance.now()).of,
      onLeaderChange: (shard) => this.#telemetry.metrics.raftLeaderChanges.with(String(shard)).add(),
      onShardOpened: (hosted) => check.follow(hosted),
      onFailure: this.#failed.resolve,
      alarms: this.#alarms,
      logger: this.#logger,
    });
    this.#undo.push(() => runtime.stop());
    this.#runtime = runtime;
    const shared = { runtime, calls, network, settings, alarms: this.#alarms, logger: this.#logger };
    this.#services = new NodeServices({ ...shared, startedAtMs: Date.now(), repairer, check });
    await runtime.start();
    this.#telemetry.start({ runtime, network, repairer });
    this.#undo.push(() => this.#telemetry.stop());
    port.registerStream(pipelinePath, (stream) => servePipeline(runtime.pipeline, stream));
    check.start();
    this.#undo.push(() => check.stop());
    this.#startDuties(runtime, this.#services, { identity, address, peerAddress: network.address });
    let stopping: Promise<void> | undefined;
    return {
      node: identity.node,
      address,
      peerAddress: network.address,
      failed: this.#failed.promise,
      unreadyReasons: () => runtime.unreadyReasons(),
      stop: () => (stopping ??= this.undo()),
    };
  }

  #createCheck(calls: NodeCalls): ConsistencyCheck {
    return createConsistencyCheck({
      calls,
      runtime: () => this.#runtime,
      propose: (command) => this.#services!.meta.propose(command),
      alarms: this.#alarms,
      settings: this.#settings,
      logger: this.#logger,
    });
  }

  /** Undoes what was done, the last thing first. */
  async undo(): Promise<void> {
    for (const step of this.#undo.toReversed()) {
      try {
        // oxlint-disable-next-line no-await-in-loop -- in order
        await step();
      } catch (error) {
        this.#logger.warn({ err: error }, "while stopping");
      }
    }
  }

  /** What the node does by itself from now on. */
  #startDuties(
    runtime: NodeRuntime,
    services: NodeServices,
    self: { readonly identity: NodeIdentity; readonly address: string; readonly peerAddress: string },
  ): void {
    const logger = this.#logger;
    const { identity, address, peerAddress } = self;
    const { zone, weight } = this.#settings;
    const propose = services.meta.propose.bind(services.meta);
    const map = (): NodeRuntime["map"] => runtime.map;
    const duties = new LeaderDuties({
      map,
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
      description: { address, peerAddress, zone, weight, version },
      found: foundCommand(this.#settings, identity.clusterId),
      map,
      propose,
      onRefused: this.#failed.resolve,
      logger,
    });
    const flusher = new ReplicaFlusher({ targets: () => runtime.flushables(), logger });
    const space = new DiskSpace({
      directory: this.#settings.directory,
      alarms: this.#alarms,
      refusePuts: (refusal) => (runtime.router.putRefusal = refusal),
    });
    for (const part of [duties, introduction, flusher, space]) {
      part.start();
      this.#undo.push(() => part.stop());
    }
  }

  /** The port for clients is open before the node has an id, so that its address can be told to the cluster. */
  async #openClientPort(): Promise<ClientPort> {
    const { client, allowedOrigins, portLimits, stopGraceMs } = this.#settings;
    const { health, metrics } = this.#telemetry;
    const files = await this.#loadTls(client);
    const requireClientCertificate = client.tls?.requireClientCertificate === true;
    const reflection = reflectionRoutes([KvService, ClusterService, MaintenanceService]);
    const tracer = activeTracer();
    const port = await ClientPort.open({
      host: client.host,
      port: client.port,
      tls: files === undefined ? undefined : { files, requireClientCertificate },
      routes: (router) => {
        registerLate(router, KvService, () => this.#services?.kv);
        registerLate(router, ClusterService, () => this.#services?.cluster);
        registerLate(router, MaintenanceService, () => this.#services?.maintenance);
        healthRoutes(health)(router);
        reflection(router);
      },
      interceptors: [
        ...(tracer === undefined ? [] : [tracingInterceptor(tracer)]),
        requestMetricsInterceptor(metrics),
      ],
      pages: this.#pages(),
      origins: { allowedOrigins, hostNames: hostNamesOf(client), loopbackOnly: isLoopback(client.host) },
      limits: portLimits,
      logger: this.#logger,
    });
    this.#undo.push(() => port.stop(stopGraceMs));
    return port;
  }

  /** The port's certificate, if it has one, followed as its files change. */
  async #loadTls({ tls }: PortSettings): Promise<TlsFiles | undefined> {
    if (tls === undefined) return undefined;
    const files = await TlsFiles.load(tls);
    files.watch((error) =>
      this.#logger.error({ err: error }, "a new certificate cannot be used; the old one stays"),
    );
    this.#undo.push(() => files.close());
    return files;
  }

  #pages(): Map<string, PageHandler> {
    const pages = new Map<string, PageHandler>([
      ["/livez", () => livenessPage()],
      [
        "/readyz",
        () => {
          const reasons = this.#runtime?.unreadyReasons() ?? ["the node is starting"];
          return readinessPage({ ready: reasons.length === 0, reasons });
        },
      ],
    ]);
    if (this.#settings.metricsEnabled) pages.set("/metrics", () => this.#telemetry.page());
    return pages;
  }

  async #openNetwork(identity: NodeIdentity): Promise<PeerNetwork> {
    const { peer, peerServerName, peerLimits } = this.#settings;
    const { clusterId, node, starts, token } = identity;
    const network = await openSocketNetwork({
      host: peer.host,
      port: peer.port,
      advertised: peer.advertised,
      self: { clusterId, node, incarnation: starts, token },
      admit: createAdmission({
        clusterId,
        founders: founderIds(this.#settings),
        map: () => this.#runtime?.map,
      }),
      tls: await this.#loadTls(peer),
      serverName: peerServerName,
      limits: peerLimits,
      listener: () => this.#runtime,
      routes: (router) => registerLate(router, PeerService, () => this.#services?.peer),
      logger: this.#logger,
    });
    this.#undo.push(() => network.stop());
    for (const other of firstPeers(this.#settings, identity)) network.setAddress(other.node, other.address);
    return network;
  }
}
