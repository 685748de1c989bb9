// Bugs that others had, or that are easy to make, as changes of this source. The simulator must catch each of them: that is
// how we know that its silence means something. The changes are made in a copy; nothing of them is in what is published.

/** One change of one file. */
export interface Edit {
  /** Relative to `src`. */
  readonly file: string;
  /** Occurs exactly once in the file. */
  readonly find: string;
  readonly replace: string;
}

/** One bug. */
export interface Mutant {
  /** What is wrong, in a few words. */
  readonly name: string;
  readonly edits: readonly Edit[];
  /** Takes many seeds; only tried when all mutants are asked for. */
  readonly rare?: true;
}

export const mutants: readonly Mutant[] = [
  {
    name: "an entry of an older term is committed by counting (figure 8, logcabin #44)",
    edits: [
      {
        file: "core/replication.ts",
        find: "index <= log.committed || log.term(index) !== replica.term",
        replace: "index <= log.committed",
      },
    ],
  },
  {
    name: "a new leader answers reads before it has committed in its term (etcd #7331)",
    rare: true,
    edits: [
      {
        file: "core/read-index.ts",
        find: "if (!replica.hasCommittedInTerm) {\n    replica.reads.addEarly",
        replace: "if (replica.log.committed < 0) {\n    replica.reads.addEarly",
      },
    ],
  },
  {
    name: "an old round of heartbeats confirms a newer read (etcd #20418)",
    rare: true,
    edits: [
      {
        file: "core/read-index.ts",
        find: "round: replica.round + 1",
        replace: "round: 1",
      },
    ],
  },
  {
    name: "a vote is told before it is durable",
    edits: [
      {
        file: "core/election.ts",
        find: "function answerVote(replica: Replica, message: VoteRequest, granted: boolean): void {\n  replica.sendWhenDurable(",
        replace:
          "function answerVote(replica: Replica, message: VoteRequest, granted: boolean): void {\n  replica.send(",
      },
    ],
  },
  {
    name: "a vote in a term that is written already is not written",
    edits: [
      {
        file: "core/work.ts",
        find: "replica.term !== told.term || replica.vote !== told.vote ||",
        replace: "replica.term !== told.term ||",
      },
    ],
  },
  {
    name: "a replica votes for everybody who asks",
    edits: [
      {
        file: "core/election.ts",
        find: "replica.vote === message.from ||",
        replace: "replica.vote >= 0 ||",
      },
    ],
  },
  {
    name: "a vote is given to a candidate whose log is behind",
    edits: [
      {
        file: "core/election.ts",
        find: "const granted = free && replica.log.isUpToDate(message.lastIndex, message.lastTerm);",
        replace: "const granted = free;",
      },
    ],
  },
  {
    name: "a refused vote is counted as granted (databend #16175)",
    edits: [
      {
        file: "core/election.ts",
        find: "replica.votes.set(message.from, !message.reject);",
        replace: "replica.votes.set(message.from, true);",
      },
    ],
  },
  {
    name: "learners are asked for votes, and their votes are counted",
    rare: true,
    edits: [
      {
        file: "core/quorum.ts",
        find: "for (const voter of voters) {\n    const vote",
        replace: "for (const voter of votes.keys()) {\n    const vote",
      },
      {
        file: "core/election.ts",
        find: "if (peer === replica.id || learner) continue;",
        replace: "if (peer === replica.id && !learner) continue;",
      },
    ],
  },
  {
    name: "asking for pre-votes clears the vote (canonical/raft #196)",
    rare: true,
    edits: [
      {
        file: "core/roles.ts",
        find: 'replica.role = "preCandidate";',
        replace: 'replica.role = "preCandidate";\n  replica.vote = 0;',
      },
    ],
  },
  {
    name: "a candidate leads before its own vote is durable",
    rare: true,
    edits: [
      {
        file: "core/election.ts",
        find: "else if (replica.votes.has(replica.id)) becomeLeader(replica);",
        replace: "else becomeLeader(replica);",
      },
    ],
  },
  {
    name: "entries are acknowledged before they are durable",
    edits: [
      {
        file: "core/follower-log.ts",
        find: "export function acknowledge(replica: Replica, leader: number, index: number): void {\n  replica.sendWhenDurable(",
        replace:
          "export function acknowledge(replica: Replica, leader: number, index: number): void {\n  replica.send(",
      },
    ],
  },
  {
    name: "a leader counts itself before its own disk has the entry (etcd #14370)",
    edits: [
      {
        file: "core/replication.ts",
        find: "  replica.log.append(entries);\n",
        replace:
          "  replica.log.append(entries);\n  replica.members.get(replica.id)?.accept(first + datas.length - 1);\n",
      },
    ],
  },
  {
    name: "entries are applied before they are durable here",
    rare: true,
    edits: [
      {
        file: "core/raft-log.ts",
        find: "allowUnstable ? this.committed : Math.min(this.committed, this.stableIndex)",
        replace: "allowUnstable || this.committed >= 0 ? this.committed : this.stableIndex",
      },
    ],
  },
  {
    name: "the answer to a write marks entries durable that came after it",
    edits: [
      {
        file: "core/raw-node.ts",
        find: "replica.log.tail.stableTo(completion.lastIndex, completion.lastTerm);",
        replace: "replica.log.tail.stableTo(replica.log.lastIndex, replica.log.lastTerm);",
      },
    ],
  },
  {
    name: "the quorum is taken from values that are not sorted (openraft #1802)",
    edits: [
      {
        file: "core/quorum.ts",
        find: "  values.sort((left, right) => right - left);\n",
        replace: "",
      },
    ],
  },
  {
    name: "a joint configuration asks only the new majority",
    rare: true,
    edits: [
      {
        file: "core/quorum.ts",
        find: "return Math.min(incoming, majorityValue(configuration.votersOutgoing, valueOf));",
        replace: "return incoming;",
      },
    ],
  },
  {
    name: "a second change of configuration is taken while one is pending",
    rare: true,
    edits: [
      {
        file: "core/membership.ts",
        find: 'if (replica.pendingChangeIndex > replica.log.applied) return "changePending";',
        replace: "",
      },
    ],
  },
  {
    name: "a snapshot leaves the old configuration in force (openraft #1808)",
    edits: [
      {
        file: "core/snapshot-restore.ts",
        find: "  replica.members.adopt(snapshot.configuration, log.lastIndex + 1);\n",
        replace: "",
      },
    ],
  },
  {
    name: "learners refuse to vote (etcd #10998)",
    rare: true,
    edits: [
      {
        file: "core/election.ts",
        find: "const granted = free &&",
        replace: "const granted = free && replica.members.isVoter(replica.id) &&",
      },
    ],
  },
  {
    name: "a delayed append takes back newer entries",
    edits: [
      {
        file: "core/raft-log.ts",
        find: "if (this.matches(entry.index, entry.term)) continue;",
        replace: "if (entry.index <= this.committed) continue;",
      },
    ],
  },
  {
    name: "a heartbeat commits more than the follower is known to have",
    edits: [
      {
        file: "core/heartbeat.ts",
        find: "commit: Math.min(progress.match, replica.log.committed),",
        replace: "commit: replica.log.committed,",
      },
    ],
  },
  {
    name: "a pipeline whose messages were lost is never tried again",
    rare: true,
    edits: [
      {
        file: "core/heartbeat.ts",
        find: '  if (progress.match < replica.log.lastIndex || progress.state === "probe")\n    sendAppend(replica, progress, true);\n',
        replace: "",
      },
    ],
  },
  {
    name: "a lease is kept after another replica was asked to take over (etcd-io/raft #99)",
    rare: true,
    edits: [
      {
        file: "core/transfer.ts",
        find: "  replica.lease.forfeit();\n",
        replace: "",
      },
    ],
  },
  {
    name: "a lease ends by ticks that were noticed, not by the clock",
    rare: true,
    edits: [
      {
        file: "core/lease.ts",
        find: "return !this.#forfeited && nowTicks < this.#until;",
        replace: "return !this.#forfeited && this.#until > 0;",
      },
    ],
  },
];
