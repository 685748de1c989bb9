import { BitcaskError, wrapSystemError } from "../errors.ts";
import { RecordCursor } from "../format/record.ts";
import { groupTargetBytes, maxPendingBytes, pooledWriteBuffers, writeBufferBytes } from "../limits.ts";
import type { LiveState } from "../state/live-state.ts";
import type { Log } from "./log.ts";
import { WriteGroup } from "./write-group.ts";

/**
 * Group commit: everybody who writes in the same moment shares one write call and one sync.
 *
 * A disk needs a fraction of a millisecond to make anything durable, however much it is. One sync per put would give a
 * few thousand puts a second. So puts are encoded into an open group; while one group is being synced the next one
 * fills; when the sync is done its callers wake up, put again into the open group, and only then is that written.
 *
 * A group's records enter the keydir after it is as durable as was asked for, in order. So a reader never sees a write
 * that its writer was not, or will not be, told about, and a failed group leaves nothing to undo.
 */
export class GroupCommit {
  readonly #log: Log;
  readonly #state: LiveState;
  /** Called after records were applied, for sealing files that wait for it. */
  readonly #afterApply: () => void;
  #open: WriteGroup | undefined;
  /** Complete groups in order; not written yet. */
  readonly #queued: WriteGroup[] = [];
  /** Written groups in order, waiting for a sync or for their turn. */
  readonly #written: WriteGroup[] = [];
  #pendingBytes = 0;
  #scheduled = false;
  #groupsThisTurn = 0;
  #pumping = false;
  readonly #buffers: Buffer[] = [];

  constructor(log: Log, state: LiveState, afterApply: () => void) {
    this.#log = log;
    this.#state = state;
    this.#afterApply = afterApply;
  }

  /** Bytes encoded and not yet acknowledged. */
  get pendingBytes(): number {
    return this.#pendingBytes + (this.#open?.length ?? 0);
  }

  /**
   * The group that takes the next record. The caller appends to it in the same turn and then calls {@link submit}.
   * Throws BUSY when too much is waiting.
   */
  openGroup(): WriteGroup {
    if (this.#open) return this.#open;
    if (this.#pendingBytes > maxPendingBytes) {
      throw new BitcaskError(
        "BUSY",
        `more than ${maxPendingBytes} bytes of writes are waiting; await some of them before the next`,
        {
          outcome: "not-applied",
        },
      );
    }
    this.#open = new WriteGroup(this.#buffers.pop() ?? Buffer.allocUnsafeSlow(writeBufferBytes));
    return this.#open;
  }

  /** Says that a record was appended. Resolves when the group is as durable as asked for, and visible. */
  submit(group: WriteGroup, needsSync: boolean): Promise<void> {
    if (needsSync) group.needsSync = true;
    if (group.length >= groupTargetBytes && group === this.#open) this.#closeOpen();
    else this.#schedule();
    return group.done;
  }

  /** Writes and applies everything submitted so far without waiting for a sync; for synchronous writers. */
  drain(): void {
    this.#queueOpen();
    this.#writeQueued();
    for (const group of this.#written) this.#apply(group);
    if (this.#written.length > 0) this.#schedule();
  }

  /** A group of one synchronous writer, outside the queue. */
  borrowGroup(): WriteGroup {
    return new WriteGroup(this.#buffers.pop() ?? Buffer.allocUnsafeSlow(writeBufferBytes));
  }

  /** Writes and applies a borrowed group at once. */
  commitBorrowed(group: WriteGroup): void {
    this.drain();
    try {
      this.#log.write(group);
      this.#apply(group);
    } finally {
      this.#recycle(group);
    }
  }

  /** The last group that is not finished, for those who must wait until nothing is pending. */
  get lastPending(): WriteGroup | undefined {
    const open = this.#open?.isEmpty === false ? this.#open : undefined;
    return open ?? this.#queued.at(-1) ?? this.#written.at(-1);
  }

  /** Resolves when what is pending now has landed, or failed. */
  async lastPendingSettled(): Promise<void> {
    await this.lastPending?.done.catch(() => undefined);
  }

  /** Groups whose records are not in the keydir yet, the latest first. */
  *pendingNewestFirst(): Generator<WriteGroup> {
    if (this.#open) yield this.#open;
    yield* this.#queued.toReversed();
    for (const group of this.#written.toReversed()) if (!group.applied) yield group;
  }

  #closeOpen(): void {
    this.#queueOpen();
    // With nothing in front that has to be synced, a full group need not wait for the end of the turn.
    if (!this.#pumping && this.#written.length === 0 && !this.#queued.some((group) => group.needsSync)) {
      this.#writeQueued();
      this.#finish(this.#written.length);
    } else this.#schedule();
  }

  #queueOpen(): void {
    if (!this.#open || this.#open.isEmpty) return;
    this.#queued.push(this.#open);
    this.#pendingBytes += this.#open.length;
    this.#open = undefined;
  }

  #schedule(): void {
    if (this.#scheduled || this.#pumping) return;
    this.#scheduled = true;
    // Runs after every promise callback of this turn, so all puts of the turn are in the group. A loop that awaits unsynced
    // puts would never end its turn that way: timers and syncs would wait for ever. So now and then the turn is ended.
    if (++this.#groupsThisTurn < groupsPerTurn) process.nextTick(() => this.#runScheduled());
    else setImmediate(() => this.#runScheduled());
  }

  #runScheduled(): void {
    this.#scheduled = false;
    if (this.#groupsThisTurn >= groupsPerTurn) this.#groupsThisTurn = 0;
    void this.#pump();
  }

  async #pump(): Promise<void> {
    if (this.#pumping) return;
    this.#pumping = true;
    for (;;) {
      this.#queueOpen();
      this.#writeQueued();
      const count = this.#written.length;
      if (count === 0) break;
      if (!this.#written.some((group) => group.needsSync)) {
        this.#finish(count);
        continue;
      }
      try {
        // oxlint-disable-next-line eslint/no-await-in-loop -- one sync at a time is what groups are for
        await this.#log.sync();
        this.#finish(count);
      } catch (error) {
        this.#fail(this.#written.splice(0, count), error);
      }
      // oxlint-disable-next-line eslint/no-await-in-loop -- lets the callers just woken put into the next group
      await nextTick();
    }
    this.#pumping = false;
  }

  #writeQueued(): void {
    while (this.#queued.length > 0) {
      const group = this.#queued.shift()!;
      try {
        this.#log.write(group);
        this.#written.push(group);
      } catch (error) {
        // Those behind it may have been judged by what this one would have done.
        this.#fail([group, ...this.#queued.splice(0)], error);
        if (this.#open && !this.#open.isEmpty) {
          this.#queueOpen();
          this.#fail(this.#queued.splice(0), error);
        }
      }
    }
  }

  /** Applies and acknowledges the oldest `count` written groups. */
  #finish(count: number): void {
    for (const group of this.#written.splice(0, count)) {
      try {
        this.#apply(group);
      } catch (error) {
        this.#fail([group], error);
        continue;
      }
      this.#pendingBytes -= group.length;
      group.resolve();
      this.#recycle(group);
    }
    this.#afterApply();
  }

  #apply(group: WriteGroup): void {
    if (group.applied || !group.written) return;
    group.applied = true;
    const { start, position } = group.written;
    const file = this.#state.table.require(position.fileId);
    const logFile = this.#log.fileOf(position.fileId);
    const shift = position.offset - start;
    const state = this.#state;
    cursor.attach(group.bytes);
    try {
      for (let at = group.firstRecordAt; at < group.length; at = cursor.end) {
        cursor.moveTo(at);
        state.apply(cursor, file, shift + at);
        logFile?.note(cursor, shift + at);
      }
    } catch (error) {
      throw this.#log.failure.applyFailed(error);
    }
    if (logFile) logFile.appliedTo = shift + group.length;
  }

  #fail(groups: WriteGroup[], cause: unknown): void {
    const error =
      cause instanceof BitcaskError ? cause : wrapSystemError(cause, "writing", { outcome: "unknown" });
    for (const group of groups) {
      this.#pendingBytes -= group.length;
      // Somebody may have stopped listening; the store itself has recorded the failure.
      group.done.catch(() => undefined);
      group.reject(error);
      this.#recycle(group);
    }
  }

  #recycle(group: WriteGroup): void {
    if (this.#buffers.length < pooledWriteBuffers && group.bytes.length === writeBufferBytes)
      this.#buffers.push(group.bytes);
  }
}

/** Groups written before the event loop gets a turn. */
const groupsPerTurn = 64;

/** Applying is synchronous, so one cursor serves all. */
const cursor = new RecordCursor();

function nextTick(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve));
}
