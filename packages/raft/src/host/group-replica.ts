import type { ConfChange } from "../core/conf-change.ts";
import type { Configuration } from "../core/configuration.ts";
import type { LogReader } from "../core/log-reader.ts";
import type { InstallSnapshot, Message } from "../core/message.ts";
import { RaftError } from "../core/raft-error.ts";
import { RawNode } from "../core/raw-node.ts";
import type { StorageAppend } from "../core/ready.ts";
import type { SnapshotMetadata } from "../core/snapshot.ts";
import { ApplyPipeline } from "./apply-pipeline.ts";
import { ClientRequests } from "./client-requests.ts";
import { CompactionRule } from "./compaction-rule.ts";
import { coreConfig } from "./core-config.ts";
import { CoreDriver } from "./core-driver.ts";
import { DurableWrites } from "./durable-writes.ts";
import type { GroupContext, TurnWrites } from "./group-context.ts";
import { type GroupOptions, type ResolvedGroupPolicy, resolvePolicy } from "./group-options.ts";
import { Leadership } from "./leadership.ts";
import type { QuietSection } from "./frame.ts";
import { QuietRule } from "./quiet-rule.ts";
import { ReplicaMail } from "./replica-mail.ts";
import type { GroupStatus } from "./raft-group.ts";
import type { ReceivedState, StateMachine } from "./state-machine.ts";
import { StateKeeper } from "./state-keeper.ts";

/** What a replica begins with. */
export interface ReplicaStart {
  readonly reader: LogReader;
  /** Up to where the state machine has applied. */
  readonly stateIndex: number;
  /** Up to where the core considers the log applied: at least where the log begins. */
  readonly applied: number;
}

/** One replica of one group: the core, and what lies between it and the host. */
export class GroupReplica<Result = unknown> {
  readonly group: number;
  readonly replica: number;
  readonly incarnation: number;
  readonly quiet: QuietRule;
  readonly state: StateKeeper;
  readonly pipeline: ApplyPipeline<Result>;
  /** Whether the replica is in the host's list of those with something to do. */
  dirty = false;
  readonly #context: GroupContext;
  readonly #policy: ResolvedGroupPolicy;
  readonly #node: RawNode;
  readonly #requests: ClientRequests<Result>;
  readonly #rule: CompactionRule;
  readonly #leadership: Leadership;
  readonly #mail: ReplicaMail;
  readonly #driver: CoreDriver<Result>;
  readonly #durableWrites: DurableWrites;
  readonly #electionMs: number;
  /** Called at the beginning of the next turn. */
  #gathering: (() => void)[] = [];
  #failure: RaftError | undefined;

  constructor(context: GroupContext, options: GroupOptions<Result>, start: ReplicaStart) {
    const { clock, timing } = context.options;
    this.#context = context;
    this.group = options.group;
    this.replica = options.replica;
    this.incarnation = options.incarnation ?? 1;
    this.#policy = resolvePolicy(options.policy);
    this.#electionMs = timing.electionTicks * timing.tickMs;
    this.quiet = new QuietRule({ enabled: options.quiet ?? false, electionTicks: timing.electionTicks });
    this.#node = new RawNode(coreConfig(context.options, options, start));
    this.#requests = new ClientRequests<Result>(context, options.group, this.#node);
    this.#leadership = new Leadership({
      group: options.group,
      replica: options.replica,
      node: this.#node,
      nodeOf: context.options.nodeOf,
      now: () => clock.now(),
      electionMs: this.#electionMs,
    });
    this.#mail = this.#newMail();
    this.#rule = new CompactionRule(this.#policy, {
      nowMs: clock.now(),
      configuration: this.#node.status().configuration,
    });
    this.pipeline = this.#newPipeline(options.stateMachine, start.stateIndex);
    this.state = new StateKeeper({
      group: options.group,
      stateMachine: options.stateMachine,
      snapshots: options.snapshots,
      log: context.options.log,
      reader: start.reader,
      pipeline: this.pipeline,
      rule: this.#rule,
      coreApplied: () => this.#node.status().applied,
      now: () => clock.now(),
    });
    this.#driver = new CoreDriver<Result>({
      context,
      owner: this,
      node: this.#node,
      mail: this.#mail,
      requests: this.#requests,
      leadership: this.#leadership,
      rule: this.#rule,
      state: this.state,
      pipeline: this.pipeline,
      electionMs: this.#electionMs,
    });
    this.#durableWrites = new DurableWrites({
      install: (metadata) => this.#driver.install(metadata),
      effective: (append) => {
        this.#guard(() => {
          this.#driver.appended(append);
        });
        this.#wake();
      },
      failed: (error) => {
        this.fail(error);
      },
    });
    options.stateMachine.onFailure?.((error) => {
      this.fail(error);
    });
    if (start.stateIndex < start.applied) {
      // The entries that the state machine lacks are gone: it gets somebody's state before it applies anything, and
      // until then this replica votes and keeps the log, but does not lead.
      this.pipeline.hold();
      this.#leadership.setFit(false);
    }
  }

  /** Why the replica has stopped; undefined while it works. */
  get failure(): RaftError | undefined {
    return this.#failure;
  }

  get isLeader(): boolean {
    return this.#driver.softState.role === "leader";
  }

  /** The leader this replica knows of; 0 when it knows of none. */
  get leader(): number {
    return this.#driver.softState.leader;
  }

  status(): GroupStatus {
    return {
      ...this.#node.status(),
      group: this.group,
      stateIndex: this.pipeline.stateIndex,
      quiet: this.quiet.quiet,
      pendingProposals: this.#requests.pendingProposals,
    };
  }

  // What users ask for.

  /** Commands to propose in the next turn. */
  propose(
    commands: readonly Uint8Array[],
    resolve: (results: readonly Result[]) => void,
    reject: (error: RaftError) => void,
  ): void {
    if (this.#failure !== undefined) {
      reject(this.#failure);
      return;
    }
    this.#requests.propose(commands, resolve, reject);
    this.#stir();
  }

  /** See `RaftGroup.beforeTurn`. */
  beforeTurn(callback: () => void): void {
    if (this.#failure !== undefined) {
      callback();
      return;
    }
    this.#gathering.push(callback);
    this.#stir();
  }

  /** A read to ask about in the next turn. */
  read(confirm: boolean, resolve: (index: number) => void, reject: (error: RaftError) => void): void {
    if (this.#failure !== undefined) {
      reject(this.#failure);
      return;
    }
    this.#requests.read(confirm, resolve, reject);
    this.#stir();
  }

  changeMembers(
    change: ConfChange,
    resolve: (configuration: Configuration) => void,
    reject: (error: RaftError) => void,
  ): void {
    const applied = (): void => {
      resolve(this.#node.status().configuration);
    };
    this.#guard(() => {
      this.#requests.changeMembers(change, applied, reject);
    });
    if (this.#failure !== undefined) reject(this.#failure);
    this.#stir();
  }

  /** See `Leadership.transfer`. */
  transferLeader(target: number | undefined, resolve: () => void, reject: (error: RaftError) => void): void {
    this.#guard(() => {
      this.#leadership.transfer(target, resolve, reject);
    });
    if (this.#failure !== undefined) reject(this.#failure);
    this.#stir();
  }

  campaign(): void {
    this.#guard(() => {
      this.#node.campaign();
    });
    this.#stir();
  }

  /** See `StateKeeper.compact`. */
  async compact(urgent: boolean): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    const through = await this.state.compact(() => this.#node.status().progress, urgent);
    this.#context.options.metrics.count("compactions", 1);
    if (through > 0) this.#context.event({ type: "compacted", group: this.group, through });
  }

  // What the host calls.

  /** A message from another replica. */
  step(message: Message): void {
    // A leader that only hears that all is well may go on being quiet.
    if (message.type !== "heartbeatResponse") this.quiet.wake();
    this.#guard(() => {
      this.#node.step(message);
    });
    this.#wake();
  }

  /** A tick of the clock has passed. */
  tick(nowMs: number): void {
    this.#requests.expire(nowMs, this.#electionMs);
    this.#leadership.expire(nowMs, this.#driver.softState.leader);
    if (this.quiet.quiet) return;
    this.#guard(() => {
      // Before the tick, which may send heartbeats: they would arrive behind the news that there will be none.
      if (this.quiet.tick(() => this.#node.status(), this.#requests.pending))
        this.#mail.sayQuiet(this.#node.status());
      else this.#node.tick();
    });
    if (this.#rule.due(nowMs) && !this.state.compacting) this.#compactBySelf(false);
    if (this.#needsTurn()) this.#wake();
  }

  /** The process did not run for so long that its view of time is void. */
  suspend(): void {
    this.#guard(() => {
      this.#node.suspend();
    });
  }

  /** Promotes a learner that has caught up, if the policy says so. */
  promote(): void {
    if (!this.#policy.promoteLearners || !this.isLeader) return;
    const change = this.#guard(() => this.#leadership.nextPromotion());
    if (change === undefined) return;
    this.changeMembers(
      change,
      () => {
        this.#context.options.metrics.count("promotions", 1);
      },
      // Somebody was faster, or leadership is gone: whoever leads then looks again.
      () => undefined,
    );
  }

  /** Asks the leader for its state, if the state machine is too old for the log. */
  requestState(): void {
    const { leader } = this;
    if (this.pipeline.held && leader !== 0 && leader !== this.replica) this.#mail.requestState(leader);
  }

  /** The leader says that there is nothing to do. */
  leaderFellSilent({ from, term, commit }: QuietSection): void {
    this.quiet.leaderFellSilent(from, { term, commit }, this.#node.status());
  }

  /** A frame for this node did not leave. */
  undelivered(node: number): void {
    if (!this.isLeader) return;
    this.#guard(() => {
      this.#leadership.undelivered(node);
    });
  }

  /** See `Leadership.watchedNodes`. */
  watchedNodes(): number[] {
    return this.#leadership.watchedNodes();
  }

  /** See `Leadership.allow`. */
  setElectable(electable: boolean): void {
    this.#guard(() => {
      this.#leadership.allow(electable);
    });
    this.#wake();
  }

  /** Steps down, if a hand-over did not work. */
  stepDown(): void {
    this.#guard(() => {
      this.#node.stepDown();
    });
    this.#wake();
  }

  reportSnapshot(replica: number, outcome: "sent" | "failed"): void {
    this.#guard(() => {
      this.#node.reportSnapshot(replica, outcome);
    });
    this.#wake();
  }

  /** Asks the core to accept a state that was received. */
  acceptSnapshot(message: InstallSnapshot, state: ReceivedState): void {
    this.state.offer(message.snapshot, state);
    this.step(message);
  }

  /** A state was received for a state machine that was too old for its log. */
  async bringUpToDate(metadata: SnapshotMetadata, state: ReceivedState): Promise<void> {
    await this.state.install(metadata, state);
    this.#requests.skippedTo(metadata.index);
    this.#leadership.setFit(true);
    this.pipeline.release();
  }

  /** Asks those who wanted to be asked before the turn for what they have. */
  gather(): void {
    if (this.#gathering.length === 0) return;
    const callbacks = this.#gathering;
    this.#gathering = [];
    for (const callback of callbacks) callback();
  }

  /** Does what there is to do: takes the inputs, and hands out messages, writes and entries to apply. */
  work(turn: TurnWrites): void {
    this.#guard(() => {
      this.#requests.submit();
      if (this.#node.hasReady()) this.#driver.work(turn);
    });
    if (this.#needsTurn()) this.#wake();
  }

  /** Whether other replicas do not know yet what is committed. */
  get owesCommit(): boolean {
    return this.#failure === undefined && this.#node.owesCommit;
  }

  /** Tells the other replicas what is committed, unless they know by now. */
  announceCommit(): void {
    if (!this.owesCommit) return;
    this.#node.announceCommit();
    this.#wake();
  }

  /** A write is durable, and all those before it. */
  durable(append: StorageAppend): void {
    this.#durableWrites.add(append);
  }

  /** The replica stops: because of an error, or because it is told to. */
  fail(cause: unknown): void {
    if (this.#failure !== undefined) return;
    const error =
      cause instanceof RaftError
        ? cause
        : new RaftError("INVARIANT", `Group ${this.group} stopped: its state machine failed.`, { cause });
    this.#failure = error;
    this.pipeline.stop();
    this.#durableWrites.stop();
    this.state.close();
    this.#requests.fail(error);
    this.gather();
    this.#leadership.fail(error);
    this.#context.failed(this, error);
  }

  /** Shortens the log as far as possible, because it keeps old segments alive. */
  compactUrgently(): void {
    this.#compactBySelf(true);
  }

  #newMail(): ReplicaMail {
    return new ReplicaMail({
      group: this.group,
      replica: this.replica,
      incarnation: this.incarnation,
      outbox: this.#context.outbox,
      nodeOf: this.#context.options.nodeOf,
      sendSnapshot: (message) => {
        this.#context.sendSnapshot(this, message);
      },
    });
  }

  #newPipeline(stateMachine: StateMachine<Result>, stateIndex: number): ApplyPipeline<Result> {
    return new ApplyPipeline<Result>({
      stateMachine,
      stateIndex,
      applied: (apply, parts) => {
        this.#guard(() => {
          this.#driver.applied(apply, parts);
        });
        this.#wake();
      },
      wake: () => {
        this.#context.wake(this);
      },
      failed: (error) => {
        this.fail(error);
      },
    });
  }

  #compactBySelf(urgent: boolean): void {
    this.compact(urgent).catch((error: unknown) => {
      this.fail(error);
    });
  }

  #needsTurn(): boolean {
    if (this.#failure !== undefined) return false;
    return this.#gathering.length > 0 || this.#requests.hasStaged || this.#node.hasReady();
  }

  /** Somebody wants something: a quiet group is quiet no longer. */
  #stir(): void {
    this.quiet.wake();
    this.#wake();
  }

  #wake(): void {
    if (this.#failure === undefined) this.#context.wake(this);
  }

  /** Runs something that may find a broken invariant or a damaged log: that stops this group, and no other. */
  #guard<Outcome>(action: () => Outcome): Outcome | undefined {
    if (this.#failure !== undefined) return undefined;
    try {
      return action();
    } catch (error) {
      this.fail(error);
      return undefined;
    }
  }
}
