import { RaftError } from "../core/raft-error.ts";
import type { TurnWrites } from "./group-context.ts";
import type { GroupReplica } from "./group-replica.ts";
import type { ResolvedHostOptions } from "./host-options.ts";
import type { Inbox } from "./inbox.ts";
import type { Outbox } from "./outbox.ts";

/**
 * How long a turn is held back for the log, in milliseconds. A batch usually takes less; what needs no disk, such as the
 * answer to a heartbeat, must not wait for a slow one.
 */
const maxHoldMs = 1;

/**
 * How long followers may not know that something is committed, in milliseconds. They learn it with the next append; only
 * when none follows, it costs a message of its own.
 */
const commitNewsMs = 5;

/** What the loop works with. */
export interface TurnLoopOptions {
  readonly host: ResolvedHostOptions;
  readonly inbox: Inbox;
  readonly outbox: Outbox;
  /** The log cannot be written: nothing can be promised any more. */
  readonly logFailed: (error: RaftError) => void;
}

/**
 * Inputs gather, and a turn works them off: one frame for each node, one batch for the log, whatever the number of groups.
 * Turns are run when there is something to do, and never while another one runs.
 *
 * While a batch is on its way to the disk, the next turn is held back for it. What that turn wrote would have to wait for the
 * batch anyway, and meanwhile more arrives: under load one turn then does the work of several, for the same number of
 * frames, entries, batches and system calls. That is where the throughput of many callers comes from.
 */
export class TurnLoop {
  readonly #options: TurnLoopOptions;
  #dirty: GroupReplica[] = [];
  #scheduled = false;
  #stopped = false;
  /** Ends the wait of a turn that is held back; undefined when none is. */
  #cancelHold: (() => void) | undefined;
  /** Groups whose followers do not know yet what is committed; not empty while a timer runs for them. */
  readonly #owing = new Set<GroupReplica>();
  #writing = 0;
  /** Whether something was written that no flush has followed. */
  #unflushed = false;
  #unwrittenBytes = 0;

  constructor(options: TurnLoopOptions) {
    this.#options = options;
  }

  /** Bytes of entries that the log has and that are not durable yet. */
  get unwrittenBytes(): number {
    return this.#unwrittenBytes;
  }

  /** The replica has something to do in the next turn. */
  wake(replica: GroupReplica): void {
    if (replica.dirty) return;
    replica.dirty = true;
    this.#dirty.push(replica);
    this.schedule();
  }

  /** Something is to be looked at, or to be sent, in the next turn. */
  schedule(): void {
    if (this.#scheduled || this.#stopped) return;
    this.#scheduled = true;
    this.#options.host.scheduler.soon(() => {
      if (this.#writing > 0) this.#hold();
      else this.#begin();
    });
  }

  /** Makes durable what was written without that, once nothing else is being written. */
  flushWhenIdle(): void {
    if (!this.#unflushed || this.#writing > 0) return;
    this.#unflushed = false;
    this.#options.host.log.flush().catch((error: unknown) => {
      this.#logFailed(error);
    });
  }

  /** Runs no further turn. */
  stop(): void {
    this.#stopped = true;
    this.#cancelHold?.();
  }

  #hold(): void {
    this.#cancelHold = this.#options.host.scheduler.after(maxHoldMs, () => {
      this.#cancelHold = undefined;
      this.#begin();
    });
  }

  /** Lets a turn that was held back begin, after the events that are waiting now. */
  #release(): void {
    if (this.#cancelHold === undefined) return;
    this.#cancelHold();
    this.#cancelHold = undefined;
    this.#options.host.scheduler.soon(() => {
      this.#begin();
    });
  }

  #begin(): void {
    this.#scheduled = false;
    if (!this.#stopped) this.#turn();
  }

  #turn(): void {
    const { inbox, outbox, host } = this.#options;
    const { clock, metrics } = host;
    const beganMs = clock.now();
    inbox.drain();
    const replicas = this.#dirty;
    this.#dirty = [];
    const turn: TurnWrites = { writes: [], bytes: 0, completions: [], mustSync: false };
    for (const replica of replicas) {
      replica.gather();
      replica.dirty = false;
      replica.work(turn);
      if (replica.owesCommit) this.#owe(replica);
    }
    outbox.flush();
    if (turn.completions.length > 0) void this.#write(turn);
    this.#apply(replicas);
    if (inbox.bytes > 0) this.schedule();
    metrics.count("turns", 1);
    metrics.observe("turnMs", clock.now() - beganMs);
  }

  #owe(replica: GroupReplica): void {
    const waits = this.#owing.size > 0;
    this.#owing.add(replica);
    if (waits) return;
    this.#options.host.scheduler.after(commitNewsMs, () => {
      const replicas = [...this.#owing];
      this.#owing.clear();
      if (!this.#stopped) for (const each of replicas) each.announceCommit();
    });
  }

  async #write(turn: TurnWrites): Promise<void> {
    const { log, clock, metrics } = this.#options.host;
    const beganMs = clock.now();
    metrics.count("logBatches", 1);
    metrics.observe("batchGroups", turn.writes.length);
    this.#unflushed = true;
    this.#writing += 1;
    this.#unwrittenBytes += turn.bytes;
    try {
      await log.append(turn.writes, { sync: turn.mustSync });
    } catch (error) {
      this.#logFailed(error);
      return;
    } finally {
      this.#writing -= 1;
      this.#unwrittenBytes -= turn.bytes;
    }
    if (turn.mustSync) metrics.observe("logWriteMs", clock.now() - beganMs);
    for (const { replica, append } of turn.completions) replica.durable(append);
    if (this.#writing === 0) this.#release();
  }

  /** Applies what is committed, group after group, until the turn's budget is used up. */
  #apply(replicas: readonly GroupReplica[]): void {
    const { clock, limits, metrics } = this.#options.host;
    let budget = limits.maxApplyBytesPerTurn;
    let applied = false;
    const beganMs = clock.now();
    for (const replica of replicas) {
      if (!replica.pipeline.ready) continue;
      if (budget > 0) {
        budget -= replica.pipeline.run(Math.min(budget, limits.maxApplyBytesPerGroup));
        applied = true;
      }
      if (replica.pipeline.ready) this.wake(replica);
    }
    if (applied) metrics.observe("applyMs", clock.now() - beganMs);
  }

  #logFailed(cause: unknown): void {
    this.#options.logFailed(
      cause instanceof RaftError ? cause : new RaftError("POISONED", "The log cannot be written.", { cause }),
    );
  }
}
