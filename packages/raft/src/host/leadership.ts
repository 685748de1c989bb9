import type { ConfChange } from "../core/conf-change.ts";
import { RaftError } from "../core/raft-error.ts";
import type { RawNode } from "../core/raw-node.ts";
import { HandOverWaits } from "./hand-over-waits.ts";
import { bestSuccessor, PromotionRule } from "./leader-rules.ts";
import { refusal } from "./proposal-book.ts";

/** Who works with the leadership of a group. */
export interface LeadershipOptions {
  readonly group: number;
  readonly replica: number;
  readonly node: RawNode;
  readonly nodeOf: (replica: number) => number;
  readonly now: () => number;
  readonly electionMs: number;
}

/** Hand-overs that take longer than so many election timeouts have failed. */
const handOverElectionTimeouts = 2;

/** Leading a group, and not leading it any more: hand-overs, promotions, and members that cannot be reached. */
export class Leadership {
  readonly #options: LeadershipOptions;
  readonly #waits = new HandOverWaits();
  readonly #promotion = new PromotionRule();
  /** Whether the host lets this replica lead, and whether its state machine is fit to. */
  #allowed = true;
  #fit = true;

  constructor(options: LeadershipOptions) {
    this.#options = options;
  }

  /** Hands leadership to `target`, or to whoever is furthest along. */
  transfer(target: number | undefined, resolve: () => void, reject: (error: RaftError) => void): void {
    const { group, replica, node, now, electionMs } = this.#options;
    const status = node.status();
    const { leader } = status;
    if (status.role !== "leader") {
      reject(new RaftError("NOT_LEADER", `Replica ${replica} does not lead group ${group}.`, { leader }));
      return;
    }
    const successor = target ?? bestSuccessor(status);
    if (successor === replica) {
      resolve();
      return;
    }
    if (successor === undefined) {
      reject(refusal(group, "changeInvalid", leader));
      return;
    }
    const result = node.transferLeader(successor);
    if (result.status === "dropped") reject(refusal(group, result.reason, leader));
    else this.#waits.add({ deadlineMs: now() + handOverElectionTimeouts * electionMs, resolve, reject });
  }

  /** Whether the host lets this replica lead. A leader that may not any more gives way to the best successor. */
  allow(allowed: boolean): void {
    this.#allowed = allowed;
    this.#update();
    const { node } = this.#options;
    const status = node.status();
    if (allowed || status.role !== "leader") return;
    const successor = bestSuccessor(status);
    if (successor === undefined || node.transferLeader(successor).status === "dropped") node.stepDown();
  }

  /** Whether the state machine is fit to be led from. */
  setFit(fit: boolean): void {
    this.#fit = fit;
    this.#update();
  }

  /** The change that promotes a learner, when it is time. */
  nextPromotion(): ConfChange | undefined {
    return this.#promotion.next(this.#options.node.status());
  }

  /** A frame for a node did not leave. */
  undelivered(unreachable: number): void {
    const { node, nodeOf, replica: own } = this.#options;
    for (const { replica } of node.status().progress) {
      if (replica !== own && nodeOf(replica) === unreachable) node.reportUnreachable(replica);
    }
  }

  /** Whose silence matters to a quiet group: a leader watches all members, a follower its leader. */
  watchedNodes(): number[] {
    const { node, nodeOf, replica } = this.#options;
    const { role, leader, configuration } = node.status();
    if (role !== "leader") return [nodeOf(leader)];
    const { voters, votersOutgoing, learners } = configuration;
    const others = [...voters, ...votersOutgoing, ...learners].filter((member) => member !== replica);
    return others.map((member) => nodeOf(member));
  }

  /** Another replica leads. */
  passed(): void {
    this.#waits.done();
  }

  /** Gives up hand-overs that nobody took. */
  expire(nowMs: number, leader: number): void {
    this.#waits.expire(nowMs, () => refusal(this.#options.group, "transferring", leader));
  }

  /** The group has stopped. */
  fail(error: RaftError): void {
    this.#waits.fail(error);
  }

  #update(): void {
    this.#options.node.setElectable(this.#allowed && this.#fit);
  }
}
