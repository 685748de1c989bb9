import { RaftError } from "../core/raft-error.ts";
import type { LogWrite } from "../host/log-storage.ts";
import { finishBatch } from "./batch-header.ts";
import { batchHeaderBytes, segmentHeaderBytes } from "./format.ts";
import type { LogState } from "./log-state.ts";
import { planRewrite, stageRewrite } from "./rewrite-plan.ts";
import type { Segment } from "./segment.ts";
import type { Expected } from "./segment-content.ts";
import type { SegmentPool } from "./segment-pool.ts";
import { StagedBatch } from "./staged-batch.ts";
import { noteWrite } from "./write-check.ts";
import { writeFully } from "./write-fully.ts";

/** A batch takes no further append once it has this share of a segment, so that it wastes little of one. */
const maxBatchShare = 0.25;

/** The next segment is prepared once this share of the present one is full. */
const prepareShare = 0.5;

/** With more segments than this, what is left in the oldest is written again to free it. */
const segmentsBeforeRewriting = 3;

/** Buffers kept for further batches, and the size beyond which one is let go. */
const maxKeptBatches = 2;
const maxKeptBatchBytes = 8 << 20;

/** What a tail begins with. */
export interface LogTailOptions {
  readonly state: LogState;
  readonly pool: SegmentPool;
  /** The segments in use, the oldest first; the last one takes the next batch. At least one. */
  readonly segments: Segment[];
  readonly offset: number;
  readonly expected: Expected;
  readonly segmentBytes: number;
  readonly now: () => number;
  readonly retryDelay: () => Promise<void>;
}

/**
 * The end of the log, where it grows. Appends gather in a staged batch while the one before is on its way to the disk;
 * one batch at a time is written, and its successor only when it is durable: the rule that tells a torn tail from
 * damage rests on that.
 */
export class LogTail {
  readonly #state: LogState;
  readonly #pool: SegmentPool;
  readonly #segments: Segment[];
  readonly #segmentBytes: number;
  readonly #now: () => number;
  readonly #retryDelay: () => Promise<void>;
  #offset: number;
  #expected: Expected;
  /** Batches waiting, the last of which takes further appends. The one being written is not among them. */
  readonly #queue: StagedBatch[] = [];
  readonly #kept: StagedBatch[] = [];
  #writing: StagedBatch | undefined;
  /** The loop that writes: its promise, and whether it will look at the queue again before it ends. */
  #running: Promise<void> = Promise.resolve();
  #active = false;
  /** Segments that nobody needs once the batch with this number, which says so, is durable. */
  #freed: { readonly segment: Segment; readonly statedBy: number }[] = [];
  #rewriteDue = false;
  /** Whether the newest batch has a successor's word that it was durable, or holds nothing. */
  #sealed = false;
  #sealRequested = false;
  #stopRetrying = false;

  failure: RaftError | undefined;
  diskFull = false;
  batches = 0;
  writtenBytes = 0;

  constructor(options: LogTailOptions) {
    this.#state = options.state;
    this.#pool = options.pool;
    this.#segments = options.segments;
    this.#segmentBytes = options.segmentBytes;
    this.#offset = options.offset;
    this.#expected = options.expected;
    this.#now = options.now;
    this.#retryDelay = options.retryDelay;
    this.#prepareInTime();
  }

  /** The segments in use, the oldest first. */
  get segments(): readonly Segment[] {
    return this.#segments;
  }

  /** Bytes waiting behind the batch that is being written. */
  get stagedBytes(): number {
    return this.#queue.reduce((total, batch) => total + batch.writer.length - batchHeaderBytes, 0);
  }

  /** When the oldest append that waits for durability was handed over. */
  get oldestPendingSince(): number | undefined {
    for (const batch of this.#writing === undefined ? this.#queue : [this.#writing, ...this.#queue]) {
      const waiting = batch.appends.find(({ settled }) => !settled);
      if (waiting !== undefined) return waiting.handedOverMs;
    }
    return undefined;
  }

  /** Takes over writes that were checked. */
  append(writes: readonly LogWrite[], mustSync: boolean): Promise<void> {
    if (this.failure !== undefined) return Promise.reject(this.failure);
    const batch = this.#openBatch();
    const entriesOffsets = writes.map((write) => {
      const log = this.#state.group(write.group);
      const create = !log.queued.exists;
      const throughTerm =
        write.compact === undefined ? 0 : (log.termOf(write.compact.through) ?? log.throughTerm);
      noteWrite(write, log);
      return batch.encode(write, { create, throughTerm });
    });
    batch.mustSync ||= mustSync;
    return new Promise((resolve, reject) => {
      const handedOverMs = this.#now();
      batch.appends.push({ writes, entriesOffsets, handedOverMs, mustSync, settled: false, resolve, reject });
      this.#start();
    });
  }

  /** Writes what waits without being waited for, and an empty batch behind it. */
  async flush(): Promise<void> {
    if (this.failure !== undefined) throw this.failure;
    const last = this.#queue.at(-1);
    if (last !== undefined) {
      last.mustSync = true;
      this.#start();
    }
    await this.#running;
    if (this.failure !== undefined) throw this.failure;
    if (this.#sealed || this.#queue.length > 0) return;
    this.#sealRequested = true;
    this.#start();
    await this.#running;
    if (this.failure !== undefined) throw this.failure;
  }

  /** Ends the wait for a full disk: what could not be written by now fails. */
  stopRetrying(): void {
    this.#stopRetrying = true;
  }

  /** Waits until nothing is being written, and closes the files. */
  async close(): Promise<void> {
    await this.#running;
    await this.#pool.close();
    for (const segment of this.#segments) segment.file.close();
    for (const { segment } of this.#freed) segment.file.close();
  }

  #openBatch(): StagedBatch {
    const last = this.#queue.at(-1);
    if (last !== undefined && last.writer.length < this.#segmentBytes * maxBatchShare) return last;
    const batch = this.#kept.pop() ?? new StagedBatch();
    this.#queue.push(batch);
    return batch;
  }

  #start(): void {
    if (this.#active) return;
    this.#active = true;
    this.#running = this.#run();
  }

  async #run(): Promise<void> {
    try {
      // One turn of the queue later, so that appends made in a row gather from the first on.
      await Promise.resolve();
      for (;;) {
        await this.#freeOldSegments();
        const batch = this.#nextBatch();
        if (batch === undefined) return;
        this.#writing = batch;
        await this.#write(batch, (segment, offset) => {
          for (const append of batch.appends) {
            append.writes.forEach((write, at) => {
              this.#state.apply(write, segment, offset + (append.entriesOffsets[at] ?? 0));
            });
          }
        });
        this.#writing = undefined;
        const { appends } = batch;
        this.#keep(batch);
        for (const append of appends) append.resolve();
      }
    } catch (error) {
      this.#fail(error);
    } finally {
      // In the same step in which the queue was found empty: an append after it begins the loop anew.
      this.#active = false;
    }
  }

  /** The batch to write now. Appends that need not be durable are told so once nothing is before them. */
  #nextBatch(): StagedBatch | undefined {
    const batch = this.#queue[0];
    if (batch === undefined) {
      if (!this.#sealRequested) return undefined;
      this.#sealRequested = false;
      return this.#kept.pop() ?? new StagedBatch();
    }
    if (batch.mustSync || this.#queue.length > 1) {
      this.#queue.shift();
      return batch;
    }
    for (const append of batch.appends) {
      if (append.settled) continue;
      append.settled = true;
      for (const { group, hardState } of append.writes) {
        if (hardState !== undefined) this.#state.group(group).hardState = hardState;
      }
      append.resolve();
    }
    return undefined;
  }

  /** Writes one batch, and lets `apply` take it over once it is durable. */
  async #write(batch: StagedBatch, apply: (segment: Segment, offset: number) => void): Promise<void> {
    batch.pad();
    const { writer } = batch;
    const segment = await this.#segmentFor(writer.length);
    const [oldest] = this.#segments;
    const checksum = finishBatch(
      writer,
      { ...this.#expected, oldestSegment: oldest?.sequence ?? segment.sequence, records: batch.records },
      segment.header.salt,
    );
    await this.#untilThereIsSpace(() => writeFully(segment.file, writer.written(), this.#offset));
    apply(segment, this.#offset);
    this.#offset += writer.length;
    this.#expected = { sequence: this.#expected.sequence + 1, previousChecksum: checksum };
    this.#sealed = batch.isEmpty;
    this.batches += 1;
    this.writtenBytes += writer.length;
    this.#prepareInTime();
  }

  /** The segment that has room for so many bytes: the present one, or a new one. */
  async #segmentFor(bytes: number): Promise<Segment> {
    const present = this.#segments.at(-1);
    if (present !== undefined && this.#offset + bytes <= present.bytes) return present;
    const sequence = (present?.sequence ?? 0) + 1;
    const next = await this.#untilThereIsSpace(() => this.#pool.take(sequence, segmentHeaderBytes + bytes));
    this.#segments.push(next);
    this.#offset = segmentHeaderBytes;
    this.#rewriteDue = true;
    return next;
  }

  #prepareInTime(): void {
    const present = this.#segments.at(-1);
    if (present !== undefined && this.#offset > present.bytes * prepareShare)
      this.#pool.prepare(present.sequence + 1);
  }

  /** Gives back segments that the last batch no longer needs, and finds out which ones the next one will not need. */
  async #freeOldSegments(): Promise<void> {
    const stated = this.#freed.filter(({ statedBy }) => statedBy < this.#expected.sequence);
    if (stated.length > 0) {
      this.#freed = this.#freed.slice(stated.length);
      await this.#pool.recycle(stated.map(({ segment }) => segment));
    }
    if (this.#rewriteDue) {
      this.#rewriteDue = false;
      await this.#rewriteOldest();
    }
    while (this.#segments.length > 1 && this.#segments[0]?.references === 0) {
      const segment = this.#segments.shift();
      if (segment !== undefined) this.#freed.push({ segment, statedBy: this.#expected.sequence });
    }
  }

  async #rewriteOldest(): Promise<void> {
    const [oldest] = this.#segments;
    if (oldest === undefined || this.#segments.length <= segmentsBeforeRewriting || oldest.references === 0)
      return;
    const plan = planRewrite(this.#state, oldest);
    if (plan === undefined) return;
    const batch = this.#kept.pop() ?? new StagedBatch();
    const move = stageRewrite(plan, batch, this.#state);
    if (move !== undefined) await this.#write(batch, move);
    this.#keep(batch);
  }

  #keep(batch: StagedBatch): void {
    const tooLarge = batch.writer.capacity > maxKeptBatchBytes;
    batch.reset();
    if (!tooLarge && this.#kept.length < maxKeptBatches) this.#kept.push(batch);
  }

  /**
   * A full disk is waited for: nothing of the batch was acknowledged, the same bytes can go to the same place later,
   * and space comes back when somebody makes some.
   */
  async #untilThereIsSpace<Result>(attempt: () => Promise<Result>): Promise<Result> {
    for (;;) {
      try {
        const result = await attempt();
        this.diskFull = false;
        return result;
      } catch (error) {
        if (!isDiskFull(error) || this.#stopRetrying) throw error;
        this.diskFull = true;
        await this.#retryDelay();
      }
    }
  }

  /**
   * After a failed write or sync nobody knows what is on the disk, and a second attempt may report success for pages
   * that the first one dropped. Nothing is written any more; the next process finds out what is there.
   */
  #fail(cause: unknown): void {
    const reason = cause instanceof Error ? cause.message : String(cause);
    this.failure = new RaftError(
      "POISONED",
      `the log can no longer be written (${reason}); restart the process`,
      {
        cause,
      },
    );
    const batches = this.#writing === undefined ? this.#queue : [this.#writing, ...this.#queue];
    for (const batch of batches) for (const append of batch.appends) append.reject(this.failure);
    this.#queue.length = 0;
    this.#writing = undefined;
  }
}

function isDiskFull(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "ENOSPC" || error.code === "EDQUOT");
}
