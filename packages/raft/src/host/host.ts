/**
 * Many groups on one node, with one log and one connection to each other node.
 *
 * Everything that a thousand groups share must be shared, or a node with a thousand groups does a thousand times the
 * work of a node with one. So nothing is done when it arrives: inputs gather, and a *turn* works them off together. It
 * takes what has come in, lets every group that has something to do say what it wants, sends each node one frame with the
 * messages of all groups, hands the log one batch with the writes of all groups, and applies. A leader's appends leave in
 * that frame, before its own disk has them (dissertation, section 10.2.1); everything that promises something waits until
 * the batch is durable, and so do the turns' answers to the callers.
 */
import { bootstrapState } from "../core/bootstrap.ts";
import { emptyHardState } from "../core/hard-state.ts";
import type { InstallSnapshot } from "../core/message.ts";
import { RaftError } from "../core/raft-error.ts";
import { clusterNumber } from "./frame-codec.ts";
import { Clockwork } from "./clockwork.ts";
import type { HostEvent } from "./events.ts";
import type { GroupContext } from "./group-context.ts";
import { GroupHandle } from "./group-handle.ts";
import type { GroupOptions } from "./group-options.ts";
import { GroupReplica } from "./group-replica.ts";
import { type HostOptions, type ResolvedHostOptions, resolveHostOptions } from "./host-options.ts";
import { Inbox } from "./inbox.ts";
import { prepareReplica } from "./open-replica.ts";
import { Outbox } from "./outbox.ts";
import type { RaftGroup } from "./raft-group.ts";
import { StateReceiver } from "./state-receiver.ts";
import { StateSender } from "./state-sender.ts";
import { TurnLoop } from "./turn-loop.ts";

/** How a new replica begins. */
export interface CreateGroupOptions<Result> extends GroupOptions<Result> {
  /**
   * The first members of a new group, the same on each of them. Absent: the replica joins a group that exists, and waits
   * for its leader.
   */
  readonly voters?: readonly number[];
}

/** How a host is doing. */
export interface HostStatus {
  readonly groups: number;
  /** Groups led from this node. */
  readonly leading: number;
  readonly quiet: number;
  /** Bytes of commands not answered yet, and of frames not looked at yet. */
  readonly proposalBytes: number;
  readonly inboxBytes: number;
  readonly disk: "healthy" | "slow" | "stalled";
}

/** The replicas of a node. */
export class Host {
  readonly #options: ResolvedHostOptions;
  readonly #groups = new Map<number, GroupReplica>();
  /** Groups whose removal is not durable yet: a replica of one that were started now would write to a removed log. */
  readonly #removing = new Set<number>();
  readonly #context: GroupContext;
  readonly #outbox: Outbox;
  readonly #inbox: Inbox;
  readonly #sender: StateSender;
  readonly #receiver: StateReceiver;
  readonly #turns: TurnLoop;
  readonly #clockwork: Clockwork;
  readonly #proposalBytes = { used: 0 };
  #failure: RaftError | undefined;
  #stopping: Promise<void> | undefined;
  #stopped = false;

  /** Begins to work at once. @throws RaftError `INVALID_ARGUMENT` naming the option that is wrong. */
  constructor(options: HostOptions) {
    const resolved = resolveHostOptions(options);
    this.#options = resolved;
    const { limits, transport, metrics } = resolved;
    const cluster = clusterNumber(resolved.cluster);
    this.#outbox = new Outbox({
      cluster,
      incarnation: resolved.incarnation,
      maxFrameBytes: limits.maxFrameBytes,
      lifeOf: (node) => this.#inbox.lifeOf(node),
      send: (node, frame) => {
        metrics.count("framesSent", 1);
        metrics.count("frameBytesSent", frame.length);
        return transport.send(node, frame);
      },
      undelivered: (node) => {
        metrics.count("framesUnsent", 1);
        this.#clockwork.undelivered(node);
      },
    });
    const wake = (): void => {
      this.#turns.schedule();
    };
    this.#sender = new StateSender({ host: resolved, outbox: this.#outbox, wake });
    this.#receiver = new StateReceiver({ host: resolved, outbox: this.#outbox, wake });
    this.#inbox = new Inbox({
      host: resolved,
      cluster,
      outbox: this.#outbox,
      replicaOf: (group) => this.#groups.get(group),
      logIsFull: () => this.#turns.unwrittenBytes >= limits.maxUnwrittenBytes,
      sender: this.#sender,
      receiver: this.#receiver,
    });
    this.#turns = new TurnLoop({
      host: resolved,
      inbox: this.#inbox,
      outbox: this.#outbox,
      logFailed: (error) => {
        this.#logFailed(error);
      },
    });
    this.#context = this.#newContext();
    this.#clockwork = new Clockwork({
      context: this.#context,
      groups: this.#groups,
      inbox: this.#inbox,
      sender: this.#sender,
      receiver: this.#receiver,
      turns: this.#turns,
    });
  }

  /** This node. */
  get node(): number {
    return this.#options.node;
  }

  /** The groups that the log knows, started or not. */
  groups(): number[] {
    return this.#options.log.groups();
  }

  /** A group that was started; undefined for any other. */
  group(group: number): RaftGroup | undefined {
    const replica = this.#groups.get(group);
    return replica === undefined ? undefined : new GroupHandle(replica);
  }

  /**
   * Makes a replica of a group on this node, and starts it. When it resolves, the replica survives a crash.
   * @throws RaftError `INVALID_ARGUMENT` when the group exists here already.
   */
  async createGroup<Result>(options: CreateGroupOptions<Result>): Promise<RaftGroup<Result>> {
    const { group, voters } = options;
    const { log } = this.#options;
    this.#requireNew(group);
    if (voters?.includes(options.replica) === false) {
      const problem = `voters do not include replica ${options.replica}`;
      throw new RaftError("INVALID_ARGUMENT", `${problem}; leave them out for a replica that joins.`);
    }
    if (log.groups().includes(group)) {
      throw new RaftError("INVALID_ARGUMENT", `Group ${group} exists in this log already; open it.`);
    }
    const start = voters === undefined ? { hardState: emptyHardState } : bootstrapState(voters);
    await log.append([{ group, create: true, ...start }]);
    return this.#start(options);
  }

  /**
   * Starts a replica that was made before, from what the log and the state machine remember.
   * @throws RaftError `INVALID_ARGUMENT` when the log does not know it, `CORRUPT` when it is damaged.
   */
  async openGroup<Result>(options: GroupOptions<Result>): Promise<RaftGroup<Result>> {
    const { group } = options;
    const { log } = this.#options;
    this.#requireNew(group);
    const damage = log.damaged().find((damaged) => damaged.group === group);
    if (damage !== undefined) {
      throw new RaftError("CORRUPT", `Group ${group} is damaged (${damage.problem}); replace this replica.`);
    }
    if (!log.groups().includes(group)) {
      throw new RaftError("INVALID_ARGUMENT", `The log does not know group ${group}; create it.`);
    }
    return this.#start(options);
  }

  /**
   * Stops the replica of a group and forgets its log and its snapshots. The group may come back to this node, under another replica id. To be
   * called when the replica is no longer a member, or is damaged: it does not change the membership.
   */
  async removeGroup(group: number): Promise<void> {
    const replica = this.#groups.get(group);
    if (replica !== undefined) {
      replica.fail(new RaftError("CLOSED", `Group ${group} was removed from node ${this.node}.`));
      this.#groups.delete(group);
    }
    this.#removing.add(group);
    try {
      await this.#options.log.append([{ group, remove: true }]);
    } finally {
      this.#removing.delete(group);
    }
    await replica?.state.forget();
  }

  /** A frame has arrived from another node. It belongs to the host from here on. */
  receive(node: number, frame: Uint8Array): void {
    if (this.#stopped) return;
    if (this.#inbox.push(node, frame)) this.#turns.schedule();
  }

  status(): HostStatus {
    const replicas = [...this.#groups.values()];
    return {
      groups: replicas.length,
      leading: replicas.filter(({ isLeader }) => isLeader).length,
      quiet: replicas.filter(({ quiet }) => quiet.quiet).length,
      proposalBytes: this.#proposalBytes.used,
      inboxBytes: this.#inbox.bytes,
      disk: this.#clockwork.disk,
    };
  }

  /**
   * Hands leadership over as far as others take it, stops every group, and closes the log. Proposals that were under way
   * are answered with `UNKNOWN`.
   */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  #newContext(): GroupContext {
    return {
      options: this.#options,
      outbox: this.#outbox,
      proposalBytes: this.#proposalBytes,
      wake: (replica) => {
        this.#turns.wake(replica);
      },
      event: (event) => {
        this.#event(event);
      },
      diskIsSlow: () => this.#clockwork.disk !== "healthy",
      sendSnapshot: (replica: GroupReplica, message: InstallSnapshot) => {
        this.#sender.install(replica, message);
      },
      leadershipLost: (replica) => {
        this.#sender.abandon(replica);
      },
      failed: (replica, error) => {
        this.#groupFailed(replica, error);
      },
    };
  }

  #requireNew(group: number): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#stopping !== undefined) throw new RaftError("CLOSED", "The host has stopped.");
    if (this.#groups.has(group)) {
      throw new RaftError("INVALID_ARGUMENT", `Group ${group} is already running on node ${this.node}.`);
    }
    if (this.#removing.has(group)) {
      throw new RaftError("INVALID_ARGUMENT", `Group ${group} is being removed from node ${this.node}.`);
    }
  }

  async #start<Result>(options: GroupOptions<Result>): Promise<RaftGroup<Result>> {
    const { group } = options;
    const start = await prepareReplica(this.#options.log, options, ({ index }, error) => {
      this.#event({ type: "snapshotDamaged", group, index, error });
    });
    // While the state machine was being prepared somebody may have started the group, or stopped the host.
    this.#requireNew(group);
    const replica = new GroupReplica<Result>(this.#context, options, start);
    if (this.#clockwork.disk === "stalled") replica.setElectable(false);
    this.#groups.set(group, replica);
    this.#turns.wake(replica);
    return new GroupHandle(replica);
  }

  #groupFailed(replica: GroupReplica, error: RaftError): void {
    this.#sender.abandon(replica);
    this.#receiver.abandon(replica);
    if (error.code === "CLOSED" || error === this.#failure) return;
    this.#options.metrics.count("groupFailures", 1);
    this.#event({ type: "groupFailed", group: replica.group, error });
  }

  /** Nothing can be promised any more by any group of this node. */
  #logFailed(error: RaftError): void {
    if (this.#failure !== undefined || this.#stopped) return;
    this.#failure = error;
    for (const replica of this.#groups.values()) replica.fail(error);
    this.#event({ type: "logFailed", error });
  }

  #event(event: HostEvent): void {
    this.#options.onEvent(event);
  }

  async #stop(): Promise<void> {
    const { log, timing } = this.#options;
    const leading = [...this.#groups.values()].filter(({ isLeader }) => isLeader);
    const handedOver = leading.map(
      (replica) =>
        new Promise<void>((resolve) => {
          replica.transferLeader(undefined, resolve, () => {
            resolve();
          });
        }),
    );
    if (leading.length > 0) await this.#within(timing.handOverMs, Promise.all(handedOver));
    this.#stopped = true;
    this.#clockwork.stop();
    this.#turns.stop();
    const closed = new RaftError("CLOSED", "The host has stopped.");
    for (const replica of this.#groups.values()) replica.fail(closed);
    this.#groups.clear();
    await log.close();
  }

  #within(delayMs: number, work: Promise<unknown>): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#options.scheduler.after(delayMs, resolve);
      void work.finally(() => {
        cancel();
        resolve();
      });
    });
  }
}
