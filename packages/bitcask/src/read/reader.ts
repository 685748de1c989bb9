import { BitcaskError } from "../errors.ts";
import { bytesBeforeKey, flagsOf, RecordCursor, recordFlags, valueStartOf } from "../format/record.ts";
import type { Keydir } from "../keydir/keydir.ts";
import { maxWholeValueBytes } from "../limits.ts";
import { decodeBlobDescriptor, type Blob, type ChunkPlace } from "../state/blob-table.ts";
import type { LiveState } from "../state/live-state.ts";
import { KeyEncoder } from "./key-encoder.ts";
import type { RecordReader } from "./record-reader.ts";

/** A value with what else its record says. */
export interface Entry {
  /** The caller's to keep and change. */
  readonly value: Buffer;
  /** The version given with the write, or else the write's sequence number, which is unique and only grows. */
  readonly version: number;
  /** Milliseconds since the epoch, or `undefined` if it never expires. */
  readonly expiresAtMs: number | undefined;
}

/** What lookups need: the keydir, or a snapshot of it. */
export interface KeyIndex {
  /** Entry of exactly this key, or -1. */
  find(key: Uint8Array, start?: number, end?: number): number;
  /** Entry that is probably this key, found without reading, or -1 if there is certainly none. */
  candidate(key: Uint8Array, start?: number, end?: number): number;
}

/** Point reads, of the present or of a snapshot. */
export class Reader {
  readonly #state: LiveState;
  readonly #keydir: Keydir;
  readonly #records: RecordReader;
  readonly #index: KeyIndex;
  readonly #clock: () => number;
  readonly #key: KeyEncoder = new KeyEncoder();

  constructor(init: { state: LiveState; records: RecordReader; index: KeyIndex; clock: () => number }) {
    this.#state = init.state;
    this.#keydir = init.state.keydir;
    this.#records = init.records;
    this.#index = init.index;
    this.#clock = init.clock;
  }

  has(key: string | Uint8Array): boolean {
    this.#key.encode(key);
    const entry = this.#index.find(this.#key.bytes, 0, this.#key.length);
    return entry >= 0 && !this.#isExpired(entry);
  }

  /** When a key expires: 0 for never, -1 if it is absent. */
  expiryOf(key: string | Uint8Array): number {
    this.#key.encode(key);
    const entry = this.#index.find(this.#key.bytes, 0, this.#key.length);
    return entry < 0 || this.#isExpired(entry) ? -1 : this.#keydir.expiresAtMsAt(entry);
  }

  /** The fast path of the package: one lookup, one read call, one checksum. */
  getSync(key: string | Uint8Array): Buffer | undefined {
    const record = this.#recordSync(key);
    return record && this.valueSync(record);
  }

  getEntrySync(key: string | Uint8Array): Entry | undefined {
    const record = this.#recordSync(key);
    return record && { value: this.valueSync(record), ...this.attributes(record) };
  }

  /** The version alone, or `undefined` if the key is absent. */
  getVersionSync(key: string | Uint8Array): number | undefined {
    const record = this.#recordSync(key);
    return record && this.attributes(record).version;
  }

  async get(key: string | Uint8Array): Promise<Buffer | undefined> {
    const record = await this.#record(key);
    return record && this.value(record);
  }

  async getEntry(key: string | Uint8Array): Promise<Entry | undefined> {
    const record = await this.#record(key);
    return record && { value: await this.value(record), ...this.attributes(record) };
  }

  /** A value in pieces, for values that were written as a stream or that are simply large. */
  async *getStream(key: string | Uint8Array): AsyncGenerator<Buffer, void> {
    const record = await this.#record(key);
    if (!record) return;
    const blob = this.#blobOf(record);
    if (!blob) {
      yield record.subarray(valueStartOf(record));
      return;
    }
    // A replaced value must stay readable until its reader is done with it.
    const release = this.#state.retirement.hold();
    try {
      for (const place of chunksOf(blob)) {
        // oxlint-disable-next-line eslint/no-await-in-loop -- one chunk in memory at a time
        const chunk = await this.#records.read(place);
        yield chunk.subarray(valueStartOf(chunk));
      }
    } finally {
      release();
    }
  }

  /** The value inside a checked record; a streamed one is put together. */
  valueSync(record: Buffer): Buffer {
    const blob = this.#blobOf(record);
    if (!blob) return record.subarray(valueStartOf(record));
    refuseHuge(blob);
    return Buffer.concat(
      chunksOf(blob).map(({ fileId, offset, size }) => {
        const chunk = this.#records.readSync(fileId, offset, size);
        return chunk.subarray(valueStartOf(chunk));
      }),
    );
  }

  async value(record: Buffer): Promise<Buffer> {
    const blob = this.#blobOf(record);
    if (!blob) return record.subarray(valueStartOf(record));
    refuseHuge(blob);
    const release = this.#state.retirement.hold();
    try {
      const chunks = await Promise.all(chunksOf(blob).map((place) => this.#records.read(place)));
      return Buffer.concat(chunks.map((chunk) => chunk.subarray(valueStartOf(chunk))));
    } finally {
      release();
    }
  }

  /** What a checked record says besides its value. */
  attributes(record: Buffer): { version: number; expiresAtMs: number | undefined } {
    attributes.attach(record).moveTo(0);
    const { version, expiresAtMs } = attributes;
    return { version, expiresAtMs: expiresAtMs === 0 ? undefined : expiresAtMs };
  }

  #blobOf(record: Buffer): Blob | undefined {
    if ((flagsOf(record) & recordFlags.blob) === 0) return undefined;
    attributes.attach(record).moveTo(0);
    const { blobId, chunkCount } = decodeBlobDescriptor(record.subarray(valueStartOf(record)));
    const blob = this.#state.blobs.ofOwner(attributes.seq);
    if (blob?.blobId === blobId && blob.chunks.size === chunkCount) return blob;
    throw new BitcaskError("CORRUPT", "a streamed value has lost chunks; writing the key again heals it", {
      key: Uint8Array.from(attributes.key),
    });
  }

  #recordSync(key: string | Uint8Array): Buffer | undefined {
    this.#key.encode(key);
    const { bytes, length } = this.#key;
    const entry = this.#index.candidate(bytes, 0, length);
    if (entry < 0) return undefined;
    if (this.#keydir.mode === "full") return this.#isExpired(entry) ? undefined : this.#readAt(entry);
    let damage: unknown;
    try {
      const record = this.#readAt(entry);
      if (this.#holdsKey(record)) return this.#isExpired(entry) ? undefined : record;
    } catch (error) {
      damage = error;
    }
    // The candidate was another key with the same fingerprint, or is damaged: now the keys themselves decide.
    const exact = this.#index.find(bytes, 0, length);
    if (exact >= 0) return this.#isExpired(exact) ? undefined : this.#readAt(exact);
    if (damage !== undefined) throw damage;
    return undefined;
  }

  async #record(key: string | Uint8Array): Promise<Buffer | undefined> {
    // Settling collisions needs the encoded key to stay where it is, so fingerprints are looked up in one go.
    if (this.#keydir.mode !== "full") return this.#recordSync(key);
    this.#key.encode(key);
    const entry = this.#index.find(this.#key.bytes, 0, this.#key.length);
    if (entry < 0 || this.#isExpired(entry)) return undefined;
    const keydir = this.#keydir;
    // The encoder will hold another key by the time the read is done.
    const copy = this.#key.copy();
    const location = {
      fileId: keydir.fileIdAt(entry),
      offset: keydir.offsetAt(entry),
      size: keydir.sizeAt(entry),
    };
    return this.#records.read(location, { copy: () => copy });
  }

  #readAt(entry: number): Buffer {
    const keydir = this.#keydir;
    return this.#records.readSync(
      keydir.fileIdAt(entry),
      keydir.offsetAt(entry),
      keydir.sizeAt(entry),
      this.#key,
    );
  }

  #holdsKey(record: Buffer): boolean {
    const start = bytesBeforeKey(flagsOf(record));
    const length = valueStartOf(record) - start;
    return (
      length === this.#key.length && record.compare(this.#key.bytes, 0, length, start, start + length) === 0
    );
  }

  #isExpired(entry: number): boolean {
    const expiresAtMs = this.#keydir.expiresAtMsAt(entry);
    return expiresAtMs !== 0 && expiresAtMs <= this.#clock();
  }
}

/** Used synchronously only. */
const attributes = new RecordCursor();

/** The chunks in the order of the value. */
function chunksOf(blob: Blob): ChunkPlace[] {
  return Array.from({ length: blob.chunks.size }, (_, index) => {
    const chunk = blob.chunks.get(index);
    if (chunk) return chunk;
    throw new BitcaskError(
      "CORRUPT",
      `chunk ${index} of a streamed value is missing; writing the key again heals it`,
    );
  });
}

/** What is larger does not belong in one buffer. */
function refuseHuge(blob: Blob): void {
  const bytes = [...blob.chunks.values()].reduce((sum, { size }) => sum + size, 0);
  if (bytes <= maxWholeValueBytes) return;
  throw new BitcaskError(
    "VALUE_TOO_LARGE",
    `the streamed value has about ${bytes} bytes; read it with getStream()`,
  );
}
