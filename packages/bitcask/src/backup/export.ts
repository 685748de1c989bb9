import { randomBytes } from "node:crypto";
import { encodeBatchEnd } from "../format/batch-end.ts";
import { encodeFileHeader, seedOf } from "../format/file-header.ts";
import {
  bytesBeforeKey,
  RecordCursor,
  recordFlags,
  recordHeadBytes,
  recordSeed,
  recordTypes,
  sealRecord,
  writeRecordHead,
} from "../format/record.ts";
import type { Store } from "../store.ts";

/** Pieces of about this size are handed out. */
const pieceBytes = 256 * 1024;

/**
 * A whole store as one stream of bytes, as of the moment reading begins, for backups and for sending elsewhere.
 *
 * The stream has the format of a data file: a header, one record per key, and a closing batch-end record with the number of
 * records and the commit metadata, without which an import does not succeed.
 */
export async function* exportStore(
  store: Store,
  snapshot: { readonly nowMs: number },
): AsyncGenerator<Uint8Array, void> {
  const { state, records, manifest } = store;
  const release = state.retirement.hold();
  const keys = state.keydir.snapshot();
  const meta = state.meta?.bytes;
  try {
    const writer = new ExportWriter(manifest.storeId);
    const cursor = keys.cursor();
    const source = new RecordCursor();
    while (cursor.next()) {
      if (cursor.expiresAtMs !== 0 && cursor.expiresAtMs <= snapshot.nowMs) continue;
      // oxlint-disable-next-line eslint/no-await-in-loop -- one record in memory at a time
      source.attach(await records.read(cursor)).moveTo(0);
      const blob = (source.flags & recordFlags.blob) === 0 ? undefined : state.blobs.ofOwner(source.seq);
      const chunks = [...(blob?.chunks ?? [])].toSorted(([one], [other]) => one - other);
      for (const [, chunk] of chunks) {
        // oxlint-disable-next-line eslint/no-await-in-loop
        const bytes = await records.read(chunk);
        writer.append(new RecordCursor().attach(bytes));
        if (writer.length >= pieceBytes) yield writer.take();
      }
      writer.append(source);
      if (writer.length >= pieceBytes) yield writer.take();
    }
    writer.end(meta);
    yield writer.take();
  } finally {
    keys.release();
    release();
  }
}

/** Collects records of the stream. */
class ExportWriter {
  #bytes: Buffer;
  readonly #seed: number;
  /** Offset in the stream of the first collected byte. */
  #base = 0;
  #count = 0;
  #lastSeq = 0;
  length: number;

  constructor(storeId: Uint8Array) {
    const header = encodeFileHeader({
      kind: "export",
      storeId,
      fileId: 0,
      salt: Uint8Array.from(randomBytes(8)),
      createdAtMs: Date.now(),
    });
    this.#seed = seedOf(header);
    this.#bytes = Buffer.allocUnsafe(pieceBytes * 2);
    header.copy(this.#bytes);
    this.length = header.length;
  }

  /** Adds the record at the start of the cursor's buffer, which holds nothing else. */
  append(record: RecordCursor): void {
    record.moveTo(0);
    const { size } = record;
    this.#reserve(size);
    const start = this.length;
    this.#bytes.set(record.bytes.subarray(0, size), start);
    this.#bytes[start + flagsOffset] = record.flags & ~recordFlags.inBatch;
    this.#seal(start, start + size);
    this.#count++;
    this.#lastSeq = Math.max(this.#lastSeq, record.seq);
  }

  end(meta: Uint8Array | undefined): void {
    const value = encodeBatchEnd(this.#count, meta);
    const size = recordHeadBytes + value.length;
    this.#reserve(size);
    const start = this.length;
    const view = viewOf(this.#bytes);
    const at = writeRecordHead(view, start, {
      type: recordTypes.batchEnd,
      flags: 0,
      seq: this.#lastSeq,
      keyLength: 0,
      valueLength: value.length,
      expiresAtMs: 0,
      version: 0,
    });
    this.#bytes.set(value, at);
    this.#seal(start, start + size);
  }

  /** What has been collected; the caller's to keep. */
  take(): Uint8Array {
    const taken = this.#bytes.subarray(0, this.length);
    this.#base += this.length;
    this.#bytes = Buffer.allocUnsafe(pieceBytes * 2);
    this.length = 0;
    return taken;
  }

  #seal(start: number, end: number): void {
    sealRecord(this.#bytes, viewOf(this.#bytes), {
      start,
      end,
      seed: recordSeed(this.#seed, this.#base + start),
    });
    this.length = end;
  }

  #reserve(size: number): void {
    if (this.length + size <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(this.length + size);
    this.#bytes.copy(larger, 0, 0, this.length);
    this.#bytes = larger;
  }
}

/** The flags byte of a record: the last field of the head but one. */
const flagsOffset = bytesBeforeKey(0) - 3;

function viewOf(buffer: Buffer): DataView {
  return new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}
