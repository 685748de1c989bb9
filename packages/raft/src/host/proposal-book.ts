/**
 * Commands between the caller and the answer.
 *
 * A command is *staged* until the next turn, then *waiting* at an index of the log, under the term in which it was put
 * there. What is applied at that index decides: an entry of that term is the command, an entry of another term means that
 * the command lost its place and will never be applied. Losing leadership decides nothing: the next leader may well have
 * the entry and commit it. So the book keeps waiting then, for a while, and gives up with `UNKNOWN` only afterwards.
 */
import type { DropReason } from "../core/proposal-result.ts";
import { RaftError } from "../core/raft-error.ts";
import type { Entry } from "../core/entry.ts";

/** Commands that were handed over together. */
export interface Proposal<Result> {
  readonly commands: readonly Uint8Array[];
  readonly bytes: number;
  readonly startedMs: number;
  /** Called once, with one result for each command. */
  resolve(results: readonly Result[]): void;
  readonly reject: (error: RaftError) => void;
  /** Where the first command is; 0 while staged. */
  index: number;
  term: number;
  /** What is known already, when the commands are applied in more than one batch. */
  results: Result[] | undefined;
}

/** What the book tells the host about. */
export interface ProposalBookOptions {
  readonly group: number;
  /** A proposal was answered: its bytes are free again. */
  readonly settled: (
    proposal: { readonly bytes: number; readonly startedMs: number },
    outcome: "applied" | "dropped" | "unknown",
  ) => void;
}

/** The commands of one group that were proposed on this node and not answered yet. */
export class ProposalBook<Result> {
  readonly #options: ProposalBookOptions;
  #staged: Proposal<Result>[] = [];
  /** Proposals of the newest term, in the order of their indexes; those before `#head` are answered. */
  #waiting: Proposal<Result>[] = [];
  #head = 0;
  /** Proposals of earlier terms, whose indexes may be used anew. Rare: it takes a change of leadership. */
  #orphans: Proposal<Result>[] = [];
  #orphansExpireMs = Number.POSITIVE_INFINITY;
  #commands = 0;

  constructor(options: ProposalBookOptions) {
    this.#options = options;
  }

  /** Commands not answered yet. */
  get pending(): number {
    return this.#commands;
  }

  get hasStaged(): boolean {
    return this.#staged.length > 0;
  }

  stage(proposal: Proposal<Result>): void {
    this.#staged.push(proposal);
    this.admit(proposal);
  }

  /** A proposal that goes to the core at once, without being staged. */
  admit(proposal: Proposal<Result>): void {
    this.#commands += proposal.commands.length;
  }

  takeStaged(): Proposal<Result>[] {
    const staged = this.#staged;
    this.#staged = [];
    return staged;
  }

  /** These are staged again: nothing became of them. */
  putBack(proposals: readonly Proposal<Result>[]): void {
    this.#staged = [...proposals, ...this.#staged];
  }

  /** These were appended side by side, beginning at `index`. */
  appended(proposals: readonly Proposal<Result>[], index: number, term: number): void {
    if (this.#waiting.length > this.#head && this.#waiting[this.#head]?.term !== term) this.#orphan();
    let next = index;
    for (const proposal of proposals) {
      proposal.index = next;
      proposal.term = term;
      next += proposal.commands.length;
      this.#waiting.push(proposal);
    }
  }

  /** These were refused. */
  drop(proposals: readonly Proposal<Result>[], reason: DropReason, leader: number): void {
    const { group } = this.#options;
    for (const proposal of proposals) {
      this.#reject(proposal, "dropped", () => refusal(group, reason, leader));
    }
  }

  /** These were passed on to the leader: nothing will be heard of them. */
  forwarded(proposals: readonly Proposal<Result>[], leader: number): void {
    for (const proposal of proposals) {
      const message = `The command was passed on to replica ${leader}; only the state machine knows whether it was applied.`;
      this.#reject(proposal, "unknown", () => new RaftError("UNKNOWN", message, { leader }));
    }
  }

  /** Entries were applied, contiguous; `results` has one for each, or is undefined when they were only skipped. */
  applied(entries: readonly Entry[], results: readonly Result[] | undefined): void {
    const first = entries[0]?.index ?? 0;
    if (this.#orphans.length > 0) {
      this.#orphans = this.#orphans.filter((orphan) => !this.#decide(orphan, first, entries, results));
    }
    while (this.#head < this.#waiting.length) {
      const proposal = this.#waiting[this.#head];
      if (proposal === undefined || !this.#decide(proposal, first, entries, results)) break;
      this.#head += 1;
    }
    if (this.#head === this.#waiting.length) {
      this.#waiting.length = 0;
      this.#head = 0;
    } else if (this.#head > 1024 && this.#head * 2 > this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#head);
      this.#head = 0;
    }
  }

  /** The state jumped to `index`: what was applied on the way is not known. */
  skippedTo(index: number): void {
    const gone = [...this.#orphans, ...this.#waiting.slice(this.#head)].filter(
      (proposal) => proposal.index <= index,
    );
    this.#orphans = this.#orphans.filter((proposal) => proposal.index > index);
    this.#waiting = this.#waiting.slice(this.#head).filter((proposal) => proposal.index > index);
    this.#head = 0;
    for (const proposal of gone) this.#unknown(proposal, "a snapshot took the place of the entries");
  }

  /** Another replica leads, or none: what waits is decided until `expireMs` or stays unknown. */
  leadershipLost(expireMs: number): void {
    if (this.#waiting.length > this.#head) this.#orphan();
    if (this.#orphans.length > 0) this.#orphansExpireMs = Math.min(this.#orphansExpireMs, expireMs);
  }

  /** Gives up on what has waited too long. */
  expire(nowMs: number, timeoutMs: number): void {
    if (this.#orphans.length > 0 && nowMs >= this.#orphansExpireMs) {
      const orphans = this.#orphans;
      this.#orphans = [];
      this.#orphansExpireMs = Number.POSITIVE_INFINITY;
      for (const proposal of orphans) this.#unknown(proposal, "leadership was lost");
    }
    while (this.#head < this.#waiting.length) {
      const proposal = this.#waiting[this.#head];
      if (proposal === undefined || nowMs - proposal.startedMs < timeoutMs) return;
      this.#head += 1;
      this.#unknown(proposal, `nothing was heard of it for ${timeoutMs} ms`);
    }
  }

  /** The group has stopped. */
  fail(error: RaftError): void {
    const staged = this.takeStaged();
    const waiting = [...this.#orphans, ...this.#waiting.slice(this.#head)];
    this.#orphans = [];
    this.#waiting = [];
    this.#head = 0;
    for (const proposal of staged) this.#reject(proposal, "dropped", () => error);
    for (const proposal of waiting) this.#unknown(proposal, "the group stopped", error);
  }

  /** Returns whether the proposal is answered by what was applied. */
  #decide(
    proposal: Proposal<Result>,
    first: number,
    entries: readonly Entry[],
    results: readonly Result[] | undefined,
  ): boolean {
    const count = proposal.commands.length;
    const done = proposal.results?.length ?? 0;
    const at = proposal.index + done - first;
    if (at >= entries.length) return false;
    if (at < 0 || results === undefined) {
      this.#unknown(proposal, "its entry was applied before the state machine was brought up to date");
      return true;
    }
    if (entries[at]?.term !== proposal.term) {
      if (done === 0) this.#lost(proposal);
      else this.#unknown(proposal, `only the first ${done} of ${count} commands were applied`);
      return true;
    }
    // Almost always the commands are applied in one batch.
    if (done === 0 && at + count <= entries.length) {
      this.#applied(proposal, results.slice(at, at + count));
      return true;
    }
    const collected = (proposal.results ??= []);
    for (let position = at; position < entries.length && collected.length < count; position++) {
      if (entries[position]?.term !== proposal.term) {
        this.#unknown(proposal, `only the first ${collected.length} of ${count} commands were applied`);
        return true;
      }
      collected.push(...results.slice(position, position + 1));
    }
    if (collected.length < count) return false;
    this.#applied(proposal, collected);
    return true;
  }

  #orphan(): void {
    this.#orphans.push(...this.#waiting.slice(this.#head));
    this.#waiting = [];
    this.#head = 0;
  }

  #applied(proposal: Proposal<Result>, results: readonly Result[]): void {
    this.#commands -= proposal.commands.length;
    this.#options.settled(proposal, "applied");
    proposal.resolve(results);
  }

  #lost(proposal: Proposal<Result>): void {
    const message = `Another leader put something else at index ${proposal.index} of group ${this.#options.group}; the command is in no log.`;
    this.#reject(proposal, "dropped", () => new RaftError("DROPPED", message, { reason: "notLeader" }));
  }

  #unknown(proposal: Proposal<Result>, why: string, cause?: RaftError): void {
    const message = `It is not known whether the command at index ${proposal.index} of group ${this.#options.group} is applied: ${why}.`;
    this.#reject(
      proposal,
      "unknown",
      () => new RaftError("UNKNOWN", message, cause === undefined ? {} : { cause }),
    );
  }

  #reject(proposal: Proposal<Result>, outcome: "dropped" | "unknown", error: () => RaftError): void {
    this.#commands -= proposal.commands.length;
    this.#options.settled(proposal, outcome);
    proposal.reject(error());
  }
}

const explanations: Readonly<Record<DropReason, string>> = {
  noLeader: "no leader is known; retry soon",
  notLeader: "another replica leads; ask it",
  transferring: "leadership is being handed over; retry soon",
  overloaded: "too much is waiting; retry later, and less at a time",
  removed: "this replica is no longer a member; ask another one",
  changePending: "an earlier change of membership is not applied yet; retry soon",
  configurationMoved: "the configuration is not the expected one; look at it again",
  changeInvalid: "the change makes no sense in the present configuration",
};

/** The error for a proposal or a read that was refused. */
export function refusal(group: number, reason: DropReason, leader: number): RaftError {
  return new RaftError("DROPPED", `Group ${group} refused: ${explanations[reason]}.`, { reason, leader });
}
