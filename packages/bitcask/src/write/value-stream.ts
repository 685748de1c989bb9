import { BitcaskError } from "../errors.ts";
import { blobChunkBytes } from "../limits.ts";
import type { Store } from "../store.ts";
import { encodeBlobDescriptor, encodeChunkKey } from "../state/blob-table.ts";
import type { PutOptions } from "./operations.ts";

/**
 * Writes a value that need not fit in memory. Its chunks go into the log as records of their own, which belong to no key;
 * the last record, an ordinary put, gives the key to them. Until then readers see the old value, and if the stream or the
 * process breaks off, nothing has happened except that some space waits for a merge.
 */
export async function writeValueStream(
  store: Store,
  key: string | Uint8Array,
  from: { source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>; options: PutOptions | undefined },
): Promise<void> {
  const { writer, state, log } = store;
  const blobId = log.nextSeq();
  let chunkCount = 0;
  let totalBytes = 0;
  try {
    for await (const chunk of rechunk(from.source)) {
      // One chunk in flight bounds memory; the system's own buffers keep the disk busy.
      await writer.putChunk(encodeChunkKey(blobId, chunkCount), chunk);
      chunkCount++;
      totalBytes += chunk.length;
    }
    await writer.putDescriptor(key, encodeBlobDescriptor({ blobId, chunkCount, totalBytes }), from.options);
  } catch (error) {
    const blob = state.blobs.byId(blobId);
    // Unless the put's outcome is unknown: then the next open decides, and until then the chunks stay.
    if (blob?.ownerSeq === 0 && !(error instanceof BitcaskError && error.outcome === "unknown"))
      state.releaseBlob(blob);
    throw error;
  }
}

/** Cuts and joins whatever pieces come into chunks of one size. */
async function* rechunk(
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void> {
  const buffer = Buffer.allocUnsafeSlow(blobChunkBytes);
  let filled = 0;
  for await (const piece of source) {
    if (!(piece instanceof Uint8Array))
      throw new BitcaskError("INVALID_ARGUMENT", "a stream must yield Uint8Arrays");
    for (let from = 0; from < piece.length;) {
      const taken = Math.min(piece.length - from, blobChunkBytes - filled);
      buffer.set(piece.subarray(from, from + taken), filled);
      filled += taken;
      from += taken;
      if (filled < blobChunkBytes) continue;
      // The consumer copies it before it asks for more, so one buffer serves all chunks.
      yield buffer;
      filled = 0;
    }
  }
  if (filled > 0) yield buffer.subarray(0, filled);
}
