import { BitcaskError } from "../errors.ts";
import { readUint48, writeUint48 } from "../format/record.ts";

/** Where one chunk of a streamed value is. */
export interface ChunkPlace {
  readonly fileId: number;
  readonly offset: number;
  readonly size: number;
  readonly seq: number;
}

/** A streamed value: its chunks, and the record that makes them a value. */
export interface Blob {
  /** Unique for ever: a sequence number drawn when the stream started. */
  readonly blobId: number;
  /** By index. A map, because an index comes from a file: a damaged one must not make a list of four thousand million. */
  readonly chunks: Map<number, ChunkPlace>;
  /** Sequence number of the record that names this blob; 0 while the stream is being written. */
  ownerSeq: number;
}

/** What the owning record's value says. */
export interface BlobDescriptor {
  readonly blobId: number;
  readonly chunkCount: number;
  readonly totalBytes: number;
}

/**
 * The streamed values of a store. Few and large by nature, so one JavaScript object each is affordable, and ordinary
 * keys pay nothing for them.
 */
export class BlobTable {
  readonly #byId: Map<number, Blob> = new Map();
  readonly #byOwner: Map<number, Blob> = new Map();

  get size(): number {
    return this.#byId.size;
  }

  ofOwner(seq: number): Blob | undefined {
    return this.#byOwner.get(seq);
  }

  byId(blobId: number): Blob | undefined {
    return this.#byId.get(blobId);
  }

  values(): MapIterator<Blob> {
    return this.#byId.values();
  }

  /** Notes a chunk; returns the one it takes the place of, if any. */
  addChunk(key: Uint8Array, place: ChunkPlace): ChunkPlace | undefined {
    const { blobId, index } = decodeChunkKey(key);
    let blob = this.#byId.get(blobId);
    if (!blob) {
      blob = { blobId, chunks: new Map(), ownerSeq: 0 };
      this.#byId.set(blobId, blob);
    }
    const former = blob.chunks.get(index);
    blob.chunks.set(index, place);
    return former;
  }

  setOwner(descriptor: BlobDescriptor, ownerSeq: number): void {
    const blob = this.#byId.get(descriptor.blobId) ?? {
      blobId: descriptor.blobId,
      chunks: new Map(),
      ownerSeq,
    };
    blob.ownerSeq = ownerSeq;
    this.#byId.set(descriptor.blobId, blob);
    this.#byOwner.set(ownerSeq, blob);
  }

  /** Forgets a blob that nothing can read any more. */
  delete(blob: Blob): void {
    if (this.#byId.get(blob.blobId) === blob) this.#byId.delete(blob.blobId);
    this.#byOwner.delete(blob.ownerSeq);
  }

  /** From now on merges treat its chunks as dead; readers that hold a snapshot still find it by its owner. */
  orphan(blob: Blob): void {
    this.#byId.delete(blob.blobId);
  }

  clearOwned(): Blob[] {
    const owned = [...this.#byOwner.values()];
    for (const blob of owned) this.#byId.delete(blob.blobId);
    return owned;
  }
}

export const chunkKeyBytes = 10;

export function encodeChunkKey(blobId: number, index: number): Uint8Array {
  const bytes = new Uint8Array(chunkKeyBytes);
  const view = new DataView(bytes.buffer);
  writeUint48(view, 0, blobId);
  view.setUint32(6, index, true);
  return bytes;
}

export function decodeChunkKey(key: Uint8Array): { blobId: number; index: number } {
  const view = new DataView(key.buffer, key.byteOffset, key.byteLength);
  return { blobId: readUint48(view, 0), index: view.getUint32(6, true) };
}

export function encodeBlobDescriptor(descriptor: BlobDescriptor): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  writeUint48(view, 0, descriptor.blobId);
  view.setUint32(6, descriptor.chunkCount, true);
  writeUint48(view, 10, descriptor.totalBytes);
  return bytes;
}

export function decodeBlobDescriptor(value: Uint8Array): BlobDescriptor {
  if (value.length !== 16)
    throw new BitcaskError("CORRUPT", "the description of a streamed value has the wrong size");
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
  return {
    blobId: readUint48(view, 0),
    chunkCount: view.getUint32(6, true),
    totalBytes: readUint48(view, 10),
  };
}
