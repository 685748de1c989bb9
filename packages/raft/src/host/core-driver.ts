import { EntryType } from "../core/entry.ts";
import type { RawNode } from "../core/raw-node.ts";
import type { SoftState, StorageAppend, StorageApply } from "../core/ready.ts";
import type { SnapshotMetadata } from "../core/snapshot.ts";
import type { AppliedPart, ApplyPipeline } from "./apply-pipeline.ts";
import type { ClientRequests } from "./client-requests.ts";
import type { CompactionRule } from "./compaction-rule.ts";
import type { GroupContext, TurnWrites } from "./group-context.ts";
import type { GroupReplica } from "./group-replica.ts";
import type { Leadership } from "./leadership.ts";
import type { ReplicaMail } from "./replica-mail.ts";
import type { StateKeeper } from "./state-keeper.ts";

/** What the driver works with. */
export interface CoreDriverOptions<Result> {
  readonly context: GroupContext;
  /** The replica whose core it is: the one that the log's answers are for. */
  readonly owner: GroupReplica<Result>;
  readonly node: RawNode;
  readonly mail: ReplicaMail;
  readonly requests: ClientRequests<Result>;
  readonly leadership: Leadership;
  readonly rule: CompactionRule;
  readonly state: StateKeeper;
  readonly pipeline: ApplyPipeline<Result>;
  readonly electionMs: number;
}

/**
 * Does what a core wants done, and tells it when it is done: messages leave, writes go to the log and come back durable,
 * committed entries go to the state machine and come back applied. Whatever throws here has found a broken invariant or a
 * damaged log; the caller stops the group then.
 */
export class CoreDriver<Result> {
  readonly #options: CoreDriverOptions<Result>;
  #softState: SoftState = { role: "follower", leader: 0 };

  constructor(options: CoreDriverOptions<Result>) {
    this.#options = options;
  }

  /** What the replica is, and whom it follows, as of the last turn. */
  get softState(): SoftState {
    return this.#softState;
  }

  /** Up to where a reader sees everything; nothing while the state machine is being brought up to date. */
  get readableIndex(): number {
    const { pipeline } = this.#options;
    return pipeline.held ? 0 : pipeline.stateIndex;
  }

  /** Hands out the messages, the writes and the entries to apply that the core has gathered. */
  work(turn: TurnWrites): void {
    const { node, mail, requests, state, pipeline } = this.#options;
    const ready = node.readyAsync();
    if (ready.softState !== undefined) this.#softStateChanged(ready.softState);
    requests.answered(ready, this.readableIndex);
    for (const message of ready.messages) mail.send(message);
    if (ready.append !== undefined) this.#write(ready.append, turn);
    // The core has looked at every received state by now: it wants it, or it never will.
    state.settleOffers(ready.append?.snapshot);
    if (ready.apply !== undefined) pipeline.push(ready.apply);
  }

  /** A write takes effect: what it promises leaves, and the core is told. */
  appended(append: StorageAppend): void {
    const { node, mail } = this.#options;
    for (const message of append.messages) mail.send(message);
    node.appended(append);
  }

  /** A received state takes the place of the present one; the log begins behind it by now. */
  async install(metadata: SnapshotMetadata): Promise<void> {
    const { context, owner, requests, state } = this.#options;
    await state.installAccepted(metadata);
    requests.skippedTo(metadata.index);
    context.event({ type: "snapshotInstalled", group: owner.group, index: metadata.index });
  }

  /** The state machine has applied entries. */
  applied(apply: StorageApply, parts: readonly AppliedPart<Result>[]): void {
    const { context, owner, node, requests, rule } = this.#options;
    for (const entry of apply.entries) {
      if (entry.type !== EntryType.ConfChange) continue;
      const configuration = node.applyConfChange(entry);
      rule.configurationChanged(entry.index, configuration);
      context.event({ type: "configuration", group: owner.group, configuration });
    }
    rule.applied(apply.entries);
    node.applied(apply);
    context.options.metrics.count("entriesApplied", apply.entries.length);
    requests.applied(parts, this.readableIndex);
  }

  #write(append: StorageAppend, turn: TurnWrites): void {
    const { owner } = this.#options;
    const { hardState, entries, snapshot } = append;
    if (hardState !== undefined || entries.length > 0 || snapshot !== undefined) {
      turn.writes.push({
        group: owner.group,
        entries,
        ...(hardState === undefined ? {} : { hardState }),
        ...(snapshot === undefined ? {} : { snapshot }),
      });
    }
    for (const entry of entries) turn.bytes += entry.data.length;
    turn.mustSync ||= append.mustSync;
    turn.completions.push({ replica: owner, append });
  }

  #softStateChanged(softState: SoftState): void {
    const { context, owner, node, requests, leadership, electionMs } = this.#options;
    const { metrics } = context.options;
    const { role, leader } = softState;
    const before = this.#softState;
    if (before.role === "leader" && role !== "leader") {
      requests.leadershipLost(electionMs);
      context.leadershipLost(owner);
    }
    if (role === "candidate" || role === "preCandidate") metrics.count("elections", 1);
    if (leader !== before.leader) metrics.count("leaderChanges", 1);
    this.#softState = softState;
    requests.leader = leader;
    if (leader !== 0 && leader !== owner.replica) leadership.passed();
    const { term } = node.status().hardState;
    context.event({ type: "leader", group: owner.group, term, role, leader });
  }
}
