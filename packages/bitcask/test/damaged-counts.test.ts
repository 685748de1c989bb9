/** Numbers in a store's files that are wrong under a right checksum: they must not decide how much memory or time is spent. */
import { expect, it } from "vitest";
import { decodeFrame, encodeFrame } from "../src/format/manifest-edit.ts";
import { fileHeaderBytes, seedOf } from "../src/format/file-header.ts";
import { Bitcask } from "../src/index.ts";
import { BlobTable, encodeChunkKey } from "../src/state/blob-table.ts";
import { MemoryFileSystem } from "./support/memory-file-system.ts";

const manifest = "/store/MANIFEST-000001";

/** Rewrites the manifest so that its files claim to hold this many records. */
function claimRecords(fileSystem: MemoryFileSystem, records: number): number {
  const handle = fileSystem.open(manifest, "write");
  const bytes = Buffer.alloc(handle.size());
  handle.read(bytes, 0, bytes.length, 0);
  const fileSeed = seedOf(bytes);
  let changed = 0;
  for (let offset = fileHeaderBytes; ;) {
    const frame = decodeFrame(bytes, { fileSeed, offset });
    if (frame === undefined) break;
    const operations = frame.operations.map((operation) => {
      if (operation.op !== "seal") return operation;
      changed += 1;
      return { ...operation, records };
    });
    encodeFrame(operations, { fileSeed, offset }).copy(bytes, offset);
    offset = frame.end;
  }
  handle.write(bytes, 0, bytes.length, 0);
  handle.close();
  return changed;
}

it("a manifest that claims four thousand million records does not make the keydir ask for room for them", async () => {
  const fileSystem = new MemoryFileSystem();
  const options = { fileSystem, maxFileBytes: 4096, hashSeed: 3n };
  const db = await Bitcask.open("/store", options);
  for (let count = 0; count < 10; count += 1) await db.put(`key ${count}`, "x".repeat(1000));
  await db.close();
  expect(claimRecords(fileSystem, 0xffff_ffff)).toBeGreaterThan(0);

  const before = process.memoryUsage().arrayBuffers;
  const again = await Bitcask.open("/store", options);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * 1024 * 1024);
  expect(again.size).toBe(10);
  await again.close();
});

it("a chunk with the highest number there is costs no more than any other", () => {
  const blobs = new BlobTable();
  const place = { fileId: 1, offset: 64, size: 10, seq: 1 };
  blobs.addChunk(encodeChunkKey(7, 0xffff_fffe), place);
  expect([...(blobs.byId(7)?.chunks.values() ?? [])]).toEqual([place]);
});
