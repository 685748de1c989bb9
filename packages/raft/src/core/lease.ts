// A lease lets a leader answer reads without asking anyone: whoever answered a round of heartbeats has promised to elect
// nobody else for an election timeout (dissertation, section 6.4.1).
//
// The obvious implementations are wrong in four ways, and each has bitten somebody. A lease counted in ticks goes on while
// the process is stopped; so this one reads a clock. A lease counted from the answers is too long by the network's delay;
// so it begins when the round is *sent*. A promise counted in ticks is broken by a host that catches up on ticks; so the
// promise too is measured by the clock. And a promise is forgotten in a crash, or overridden by a transfer of leadership;
// so a restarted replica behaves as if it had just promised, and a leader that asked anyone to take over has no lease for
// the rest of its term, because the request may arrive at any later time.

/** One round of heartbeats whose answers are awaited. */
interface SentRound {
  readonly round: number;
  readonly sentAtTicks: number;
}

/** How many unanswered rounds are remembered; beyond that the oldest can no longer extend the lease. */
const maxSentRounds = 1024;

/** The leader's side: until when nobody else can have been elected. */
export class Lease {
  readonly #lengthTicks: number;
  #sent: SentRound[] = [];
  #until: number = Number.NEGATIVE_INFINITY;
  /** Set for good when the leader has asked another replica to campaign. */
  #forfeited = false;

  constructor(lengthTicks: number) {
    this.#lengthTicks = lengthTicks;
  }

  valid(nowTicks: number): boolean {
    return !this.#forfeited && nowTicks < this.#until;
  }

  roundSent(round: number, nowTicks: number): void {
    this.#sent.push({ round, sentAtTicks: nowTicks });
    if (this.#sent.length > maxSentRounds) this.#sent.shift();
  }

  /** A majority has answered this round. */
  roundConfirmed(round: number): void {
    let newest: SentRound | undefined;
    while (this.#sent.length > 0 && this.#sent[0]!.round <= round) newest = this.#sent.shift();
    if (newest !== undefined) this.#until = Math.max(this.#until, newest.sentAtTicks + this.#lengthTicks);
  }

  /** Ends the lease; only rounds sent from now on can begin a new one. */
  revoke(): void {
    this.#sent = [];
    this.#until = Number.NEGATIVE_INFINITY;
  }

  /** Ends the lease, and there will be no other in this term. */
  forfeit(): void {
    this.revoke();
    this.#forfeited = true;
  }

  /** A new term. */
  reset(): void {
    this.revoke();
    this.#forfeited = false;
  }
}
