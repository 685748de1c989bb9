import { BitcaskError } from "../errors.ts";
import { decodeBatchEnd } from "../format/batch-end.ts";
import { decodeFileHeader, fileHeaderBytes, seedOf } from "../format/file-header.ts";
import { RecordCursor, recordFlags, recordHeadBytes, recordSeed, recordTypes } from "../format/record.ts";
import { decodeBlobDescriptor } from "../state/blob-table.ts";
import type { Store } from "../store.ts";
import type { BatchOperation } from "../write/operations.ts";
import { writeValueStream } from "../write/value-stream.ts";

/** Imported records are written in batches of about this size. */
const batchBytes = 1024 * 1024;

/**
 * Reads what `exportStore` wrote into a store. Versions and expiry times are kept. The commit metadata is set by the very
 * last write, so a store whose import broke off never claims to be what was exported.
 */
export async function importStore(
  store: Store,
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<{ records: number }> {
  const sink = new ImportSink(store);
  const stream = new ExportReader();
  let isComplete = false;
  for await (const piece of source) {
    stream.push(piece);
    for (let record = stream.next(); record; record = stream.next()) {
      if (isComplete) throw invalid("bytes follow the end of the export", stream.offset);
      // oxlint-disable-next-line eslint/no-await-in-loop -- records in order
      isComplete = await sink.take(record, stream.offset);
    }
  }
  if (!isComplete || stream.hasRest) throw invalid("the export ends too early", stream.offset);
  return { records: sink.records };
}

/** Cuts the stream into checked records. */
class ExportReader {
  #bytes: Buffer = Buffer.alloc(0);
  #seed: number | undefined;
  /** Offset in the stream of `#bytes`. */
  offset = 0;
  #taken = 0;
  readonly #cursor: RecordCursor = new RecordCursor();

  get hasRest(): boolean {
    return this.#taken < this.#bytes.length;
  }

  push(piece: Uint8Array): void {
    if (!(piece instanceof Uint8Array))
      throw new BitcaskError("INVALID_ARGUMENT", "an import needs Uint8Arrays");
    this.#bytes = this.hasRest
      ? Buffer.concat([this.#bytes.subarray(this.#taken), piece])
      : Buffer.from(piece);
    this.#taken = 0;
  }

  /** The next record, valid until the next call, or `undefined` if more bytes are needed. */
  next(): RecordCursor | undefined {
    if (this.#seed === undefined && !this.#readHeader()) return undefined;
    const left = this.#bytes.length - this.#taken;
    if (left < recordHeadBytes) return undefined;
    const seed = recordSeed(this.#seed ?? 0, this.offset);
    const cursor = this.#cursor.attach(this.#bytes);
    cursor.moveTo(this.#taken);
    if (!cursor.headIsValid(seed)) throw invalid("a record's head fails its checksum", this.offset);
    if (cursor.size > left) return undefined;
    if (!cursor.bodyIsValid(seed)) throw invalid("a record fails its checksum", this.offset);
    this.#taken += cursor.size;
    this.offset += cursor.size;
    return cursor;
  }

  #readHeader(): boolean {
    if (this.#bytes.length < fileHeaderBytes) return false;
    const header = this.#bytes.subarray(0, fileHeaderBytes);
    let kind: string | undefined;
    try {
      ({ kind } = decodeFileHeader(header, { file: "the export", readOnly: true }));
    } catch (error) {
      if (error instanceof BitcaskError && error.code === "UNSUPPORTED_FORMAT") throw error;
    }
    if (kind !== "export") throw invalid("the stream is not an export", 0);
    this.#seed = seedOf(header);
    this.#taken = fileHeaderBytes;
    this.offset = fileHeaderBytes;
    return true;
  }
}

/** Writes the records into the store. */
class ImportSink {
  readonly #store: Store;
  records = 0;
  /** Records of the stream, chunks included, to compare with what its end says. */
  #seen = 0;
  #operations: BatchOperation[] = [];
  #bytes = 0;
  #chunks: Buffer[] = [];

  constructor(store: Store) {
    this.#store = store;
  }

  /** True if that was the last record. */
  async take(record: RecordCursor, offset: number): Promise<boolean> {
    const { log } = this.#store;
    // Versions default to sequence numbers and must stay unique.
    log.lastSeq = Math.max(log.lastSeq, record.seq);
    switch (record.type) {
      case recordTypes.blobChunk:
        this.#seen++;
        this.#chunks.push(Buffer.from(record.value));
        return false;
      case recordTypes.put:
        this.#seen++;
        this.records++;
        await this.#takePut(record, offset);
        return false;
      case recordTypes.batchEnd:
        await this.#end(record, offset);
        return true;
      default:
        throw invalid(`a record of type ${record.type} does not belong in an export`, offset);
    }
  }

  async #takePut(record: RecordCursor, offset: number): Promise<void> {
    const key = Buffer.from(record.key);
    const { version, expiresAtMs } = record;
    const options = { version, ...(expiresAtMs !== 0 && { expiresAtMs }) };
    if ((record.flags & recordFlags.blob) !== 0) {
      const { chunkCount } = decodeBlobDescriptor(record.value);
      if (chunkCount !== this.#chunks.length) throw invalid("a streamed value is incomplete", offset);
      await writeValueStream(this.#store, key, {
        source: this.#chunks,
        options: { ...options, sync: false },
      });
      this.#chunks = [];
      return;
    }
    this.#operations.push({ type: "put", key, value: Buffer.from(record.value), ...options });
    this.#bytes += record.size;
    if (this.#bytes >= batchBytes) this.#write(undefined);
  }

  async #end(record: RecordCursor, offset: number): Promise<void> {
    const end = decodeBatchEnd(record.value);
    if (end?.operations !== this.#seen)
      throw invalid(`the export should have ${end?.operations} records, but has ${this.#seen}`, offset);
    this.#write(end.meta);
    await this.#store.log.sync();
  }

  #write(meta: Uint8Array | undefined): void {
    if (this.#operations.length > 0 || meta)
      this.#store.writer.batchSync(this.#operations, meta ? { meta } : {});
    this.#operations = [];
    this.#bytes = 0;
  }
}

function invalid(what: string, offset: number): BitcaskError {
  return new BitcaskError("EXPORT_INVALID", `${what} (byte ${offset} of the stream)`, { offset });
}
