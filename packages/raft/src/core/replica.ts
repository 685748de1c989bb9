import type { Configuration } from "./configuration.ts";
import type { HardState } from "./hard-state.ts";
import { violated } from "./invariants.ts";
import { Lease } from "./lease.ts";
import type { LogReader } from "./log-reader.ts";
import { Members } from "./members.ts";
import type { AppendResponse, Message } from "./message.ts";
import type { Options } from "./options.ts";
import type { RaftLog } from "./raft-log.ts";
import { ReadQueue } from "./read-queue.ts";
import type { ReadState, Role, SoftState } from "./ready.ts";

/** What a replica is made from, once its log has been read. */
export interface ReplicaStart {
  readonly options: Options;
  readonly storage: LogReader;
  readonly log: RaftLog;
  readonly configuration: Configuration;
  readonly hardState: HardState;
}

/**
 * The state of one replica, and its letter boxes. The rules that change it are in the modules named after them: roles,
 * election, replication, follower-log, heartbeat, read-index, membership, transfer, snapshot-restore.
 */
export class Replica {
  readonly id: number;
  readonly options: Options;
  readonly log: RaftLog;
  readonly members: Members;

  // Raft paper, figure 2. Term and vote reach the disk before any message that depends on them leaves.
  term: number;
  vote: number;
  role: Role = "follower";
  /** 0 while none is known. */
  leader = 0;

  // Time, in ticks since the last thing that counts as a sign of life (or, at a leader, since the last check).
  electionElapsed = 0;
  heartbeatElapsed = 0;
  /** In `[electionTick, 2 * electionTick)`, drawn anew for every term and every attempt. */
  electionTimeout: number;
  /** Whether it may stand for election at all. */
  electable = true;
  /** Lease mode: until when this replica has promised to elect nobody, by its own clock. */
  promisedUntilTicks: number = Number.NEGATIVE_INFINITY;
  /** The answers to the poll under way. */
  votes: Map<number, boolean> = new Map<number, boolean>();

  // At a leader.
  /** No change of configuration may be proposed until this index is applied. */
  pendingChangeIndex = 0;
  uncommittedBytes = 0;
  transferTarget = 0;
  /** The highest index whose durability the leader has promised to report to itself. */
  ownAckIndex = 0;
  /** Appends are due to some peer; they are made when the caller takes the next work, many proposals to a message. */
  replicationDue = false;
  /** Peers are to hear what is committed even if there is nothing else to tell them. */
  commitNewsDue = false;
  /** The newest round of heartbeats that was sent. */
  round = 0;
  /** A read waits for a round that was not sent yet. */
  roundDue = false;
  readonly reads: ReadQueue = new ReadQueue();
  readonly lease: Lease;

  // At whoever asks for reads.
  lastTicket = 0;
  /** The index of the newest configuration change in force or replaced. */
  lastChangeIndex: number;

  // Letter boxes.
  outbox: Message[] = [];
  outboxWhenDurable: Message[] = [];
  readStates: ReadState[] = [];
  abandonedReads: number[] = [];

  constructor({ options, log, configuration, hardState }: ReplicaStart) {
    this.id = options.id;
    this.options = options;
    this.log = log;
    this.members = new Members(configuration, options.inflight);
    this.term = hardState.term;
    this.vote = hardState.vote;
    this.lease = new Lease(options.electionTick - options.maxClockDriftTicks);
    this.lastChangeIndex = configuration.index;
    this.electionTimeout = this.drawElectionTimeout();
    // A promise made before a crash may still be relied on, even if nothing of it reached the disk. It costs no time: a
    // replica waits for an election timeout anyway before it stands.
    if (this.leaseMode) this.promise();
  }

  get leaseMode(): boolean {
    return this.options.readMode === "lease";
  }

  get isLeader(): boolean {
    return this.role === "leader";
  }

  get hardState(): HardState {
    return { term: this.term, vote: this.vote, commit: this.log.committed };
  }

  get softState(): SoftState {
    return { role: this.role, leader: this.leader };
  }

  /** Whether an entry of the leader's own term is committed: only then does it know what is (Raft paper, section 8). */
  get hasCommittedInTerm(): boolean {
    return this.log.term(this.log.committed) === this.term;
  }

  /** A message that nothing on this replica's disk has to back. */
  send(message: Message): void {
    this.outbox.push(message);
  }

  /** A promise: it leaves when everything up to now is durable. */
  sendWhenDurable(message: Message): void {
    const last = this.outboxWhenDurable.at(-1);
    if (message.type === "appendResponse" && last?.type === "appendResponse" && supersedes(message, last)) {
      this.outboxWhenDurable.pop();
    }
    this.outboxWhenDurable.push(message);
  }

  /** Lease mode: elect nobody for an election timeout from now. */
  promise(): void {
    this.promisedUntilTicks = this.options.monotonicTicks() + this.options.electionTick;
  }

  drawElectionTimeout(): number {
    const { electionTick, randomElectionTicks } = this.options;
    const extra = randomElectionTicks(electionTick);
    if (!Number.isInteger(extra) || extra < 0 || extra >= electionTick) {
      violated(
        `randomElectionTicks(${electionTick}) returned ${extra}, which is not an integer in [0, ${electionTick})`,
      );
    }
    return electionTick + extra;
  }

  /** What must hold after every call. */
  check(): void {
    this.log.check();
    if (this.isLeader) {
      for (const progress of this.members.all) progress.check();
      if (this.leader !== this.id) violated(`The leader believes that replica ${this.leader} leads`);
    }
  }
}

/** One acknowledgement of a longer log says all that the one before it said. */
function supersedes(next: AppendResponse, previous: AppendResponse): boolean {
  return (
    !next.reject &&
    !previous.reject &&
    next.to === previous.to &&
    next.term === previous.term &&
    next.index >= previous.index
  );
}
