import type { ConfChange } from "../core/conf-change.ts";
import { RaftError } from "../core/raft-error.ts";
import type { RawNode } from "../core/raw-node.ts";
import type { ProposeResult } from "../core/proposal-result.ts";
import type { AsyncReady } from "../core/ready.ts";
import type { AppliedPart } from "./apply-pipeline.ts";
import type { GroupContext } from "./group-context.ts";
import { type Proposal, ProposalBook, refusal } from "./proposal-book.ts";
import { ReadBook } from "./read-book.ts";

/** Commands go to the core in calls of at most this many bytes, so that a full tail refuses only what does not fit. */
const maxBytesPerCall: number = 1 << 20;

/** What callers of one group wait for, and the limits on how much of it there may be. */
export class ClientRequests<Result> {
  readonly #context: GroupContext;
  readonly #group: number;
  readonly #node: RawNode;
  readonly #proposals: ProposalBook<Result>;
  /** Reads that a lease may answer, and reads that a majority must confirm. */
  readonly #reads: ReadBook;
  readonly #confirmedReads: ReadBook;
  #leader = 0;

  constructor(context: GroupContext, group: number, node: RawNode) {
    const { clock, metrics } = context.options;
    this.#context = context;
    this.#group = group;
    this.#node = node;
    this.#reads = new ReadBook(group);
    this.#confirmedReads = new ReadBook(group);
    this.#proposals = new ProposalBook<Result>({
      group,
      settled: (proposal, outcome) => {
        context.proposalBytes.used -= proposal.bytes;
        if (outcome === "applied") metrics.observe("proposalMs", clock.now() - proposal.startedMs);
        else metrics.count(outcome === "dropped" ? "proposalsDropped" : "proposalsUnknown", 1);
      },
    });
  }

  /** The leader that refusals name. */
  get leader(): number {
    return this.#leader;
  }

  set leader(leader: number) {
    this.#leader = leader;
    for (const book of this.#books) book.retry();
  }

  /** Commands not answered yet. */
  get pendingProposals(): number {
    return this.#proposals.pending;
  }

  /** Whether anybody waits for anything. */
  get pending(): number {
    return this.#proposals.pending + this.#reads.pending + this.#confirmedReads.pending;
  }

  /** Whether there is something to tell the core in the next turn. */
  get hasStaged(): boolean {
    return this.#proposals.hasStaged || this.#reads.mayAsk || this.#confirmedReads.mayAsk;
  }

  /** Takes commands, to be proposed in the next turn. */
  propose(
    commands: readonly Uint8Array[],
    resolve: (results: readonly Result[]) => void,
    reject: (error: RaftError) => void,
  ): void {
    const { metrics, limits } = this.#context.options;
    let bytes = 0;
    for (const command of commands) {
      bytes += command.length;
      if (command.length > limits.maxCommandBytes) {
        const message = `A command has ${command.length} bytes; the limit is ${limits.maxCommandBytes}.`;
        reject(new RaftError("INVALID_ARGUMENT", message));
        return;
      }
    }
    metrics.count("proposals", commands.length);
    if (!this.#hasRoomFor(commands.length, bytes)) {
      metrics.count("proposalsDropped", 1);
      reject(refusal(this.#group, "overloaded", this.leader));
      return;
    }
    if (commands.length === 0) {
      resolve([]);
      return;
    }
    this.#context.proposalBytes.used += bytes;
    this.#proposals.stage(newProposal(commands, { bytes, startedMs: this.#now(), resolve, reject }));
  }

  /** Takes a read, to be asked about in the next turn. */
  read(confirm: boolean, resolve: (index: number) => void, reject: (error: RaftError) => void): void {
    const { limits, metrics } = this.#context.options;
    if (this.#reads.pending + this.#confirmedReads.pending >= limits.maxReadsPerGroup) {
      reject(refusal(this.#group, "overloaded", this.leader));
      return;
    }
    metrics.count("reads", 1);
    const book = confirm ? this.#confirmedReads : this.#reads;
    book.stage({ startedMs: this.#now(), resolve, reject });
  }

  /** Proposes a change of membership at once; `resolve` is called when it is applied. */
  changeMembers(change: ConfChange, resolve: () => void, reject: (error: RaftError) => void): void {
    const result = this.#node.proposeConfChange(change);
    const nothing = [new Uint8Array(0)];
    const proposal = newProposal<Result>(nothing, { bytes: 0, startedMs: this.#now(), resolve, reject });
    this.#proposals.admit(proposal);
    this.#settle([proposal], result);
  }

  /** Tells the core what was staged. */
  submit(): void {
    if (this.#proposals.hasStaged) this.#proposeStaged();
    this.#reads.ask(this.#now(), () => this.#node.readIndex());
    this.#confirmedReads.ask(this.#now(), () => this.#node.readIndex({ confirm: true }));
  }

  /** Takes the core's answers to reads. */
  answered({ readStates, abandonedReads }: AsyncReady, appliedIndex: number): void {
    // A ticket is known to the one book that asked for it.
    for (const book of this.#books) {
      for (const { ticket, index } of readStates) book.confirmed(ticket, index);
      for (const ticket of abandonedReads) book.abandoned(ticket);
    }
    if (readStates.length > 0) this.#releaseReads(appliedIndex);
  }

  /** Entries were applied, up to `appliedIndex`. */
  applied(parts: readonly AppliedPart<Result>[], appliedIndex: number): void {
    for (const { entries, results } of parts) this.#proposals.applied(entries, results);
    this.#releaseReads(appliedIndex);
  }

  /** The state jumped to `index`. */
  skippedTo(index: number): void {
    this.#proposals.skippedTo(index);
    this.#releaseReads(index);
  }

  /** This replica leads no longer. */
  leadershipLost(electionMs: number): void {
    this.#proposals.leadershipLost(this.#now() + electionMs);
  }

  /** Gives up on what has waited too long. */
  expire(nowMs: number, electionMs: number): void {
    const { timing, metrics } = this.#context.options;
    this.#proposals.expire(nowMs, timing.proposalTimeoutMs);
    const times = { retryMs: electionMs, timeoutMs: timing.readTimeoutMs };
    for (const book of this.#books) {
      const expired = book.expire(nowMs, times, this.leader);
      if (expired > 0) metrics.count("readsFailed", expired);
    }
  }

  /** The group has stopped. */
  fail(error: RaftError): void {
    this.#proposals.fail(error);
    for (const book of this.#books) book.fail(error);
  }

  get #books(): readonly ReadBook[] {
    return [this.#reads, this.#confirmedReads];
  }

  #hasRoomFor(commands: number, bytes: number): boolean {
    const { options, proposalBytes, diskIsSlow } = this.#context;
    const { maxProposalsPerGroup, maxProposalBytes } = options.limits;
    return (
      this.#proposals.pending + commands <= maxProposalsPerGroup &&
      proposalBytes.used + bytes <= maxProposalBytes &&
      !diskIsSlow()
    );
  }

  #proposeStaged(): void {
    const staged = this.#proposals.takeStaged();
    for (let from = 0; from < staged.length;) {
      const to = endOfCall(staged, from);
      const call = from === 0 && to === staged.length ? staged : staged.slice(from, to);
      const commands: Uint8Array[] = [];
      for (const proposal of call) for (const command of proposal.commands) commands.push(command);
      try {
        this.#settle(call, this.#node.propose(commands));
      } catch (error) {
        // The group stops. What the core did not take was never sent anywhere: it is answered with the others.
        this.#proposals.putBack(staged.slice(from));
        throw error;
      }
      from = to;
    }
  }

  #settle(proposals: readonly Proposal<Result>[], result: ProposeResult): void {
    switch (result.status) {
      case "appended":
        this.#proposals.appended(proposals, result.index, result.term);
        return;
      case "forwarded":
        this.#proposals.forwarded(proposals, result.leader);
        return;
      case "dropped":
        this.#proposals.drop(proposals, result.reason, this.leader);
    }
  }

  #releaseReads(appliedIndex: number): void {
    const { metrics } = this.#context.options;
    const nowMs = this.#now();
    for (const book of this.#books) {
      book.release(appliedIndex, (startedMs) => {
        metrics.observe("readMs", nowMs - startedMs);
      });
    }
  }

  #now(): number {
    return this.#context.options.clock.now();
  }
}

/** Where the call ends that begins with the proposal at `from`. */
function endOfCall(staged: readonly { readonly bytes: number }[], from: number): number {
  let bytes = 0;
  let to = from;
  while (to < staged.length) {
    bytes += staged[to]?.bytes ?? 0;
    if (to > from && bytes > maxBytesPerCall) break;
    to += 1;
  }
  return to;
}

function newProposal<Result>(
  commands: readonly Uint8Array[],
  rest: Pick<Proposal<Result>, "bytes" | "startedMs" | "resolve" | "reject">,
): Proposal<Result> {
  return { commands, ...rest, index: 0, term: 0, results: undefined };
}
