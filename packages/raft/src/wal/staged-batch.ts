import type { LogWrite } from "../host/log-storage.ts";
import { LogBuffer } from "./log-buffer.ts";
import { batchAlignment, batchHeaderBytes, RecordType } from "./format.ts";
import { writeCompact, writeEntries, writeHardState, writeMark, writeSnapshot } from "./record-encoder.ts";

/** A call of `append` that is not finished. */
export interface PendingAppend {
  readonly writes: readonly LogWrite[];
  /** For each write, where its entries begin in the batch. */
  readonly entriesOffsets: readonly number[];
  readonly handedOverMs: number;
  /** Whether the promise may only be resolved when the batch is durable. */
  readonly mustSync: boolean;
  /** Whether the promise was resolved, and the readers told, before the batch was written. */
  settled: boolean;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** What the encoder must know of a group that the write does not say. */
export interface GroupContext {
  /** Whether the group must be created first. */
  readonly create: boolean;
  /** The term of the last entry that a compaction drops; 0 without one. */
  readonly throughTerm: number;
}

/** Appends gathered while the disk was busy: they become one batch on disk, durable or not as a whole. */
export class StagedBatch {
  readonly writer: LogBuffer = new LogBuffer();
  appends: PendingAppend[] = [];
  records = 0;
  /** Whether anybody waits for durability. */
  mustSync = false;

  constructor() {
    this.reset();
  }

  /** Whether there is nothing to write. */
  get isEmpty(): boolean {
    return this.records === 0;
  }

  /** Makes the batch empty, keeping its memory. */
  reset(): void {
    this.writer.truncate(0);
    this.writer.zeros(batchHeaderBytes);
    this.appends = [];
    this.records = 0;
    this.mustSync = false;
  }

  /** Encodes a write and returns where its entries begin in the batch. */
  encode(write: LogWrite, context: GroupContext): number {
    const { writer } = this;
    const { group } = write;
    if (write.remove === true) {
      writeMark(writer, group, RecordType.Removed);
      this.records += 1;
      return 0;
    }
    if (context.create) {
      writeMark(writer, group, RecordType.Created);
      this.records += 1;
    }
    if (write.snapshot !== undefined) {
      writeSnapshot(writer, group, write.snapshot);
      this.records += 1;
    }
    let entriesOffset = 0;
    if (write.entries !== undefined && write.entries.length > 0) {
      entriesOffset = writeEntries(writer, group, write.entries);
      this.records += 1;
    }
    if (write.compact !== undefined) {
      writeCompact(writer, group, { ...write.compact, throughTerm: context.throughTerm });
      this.records += 1;
    }
    if (write.hardState !== undefined) {
      writeHardState(writer, group, write.hardState);
      this.records += 1;
    }
    return entriesOffset;
  }

  /** Fills up to where the next batch may begin. */
  pad(): void {
    const over = this.writer.length % batchAlignment;
    if (over > 0) this.writer.zeros(batchAlignment - over);
  }
}
