/**
 * A directory of plain files as one stream of bytes, and back. The bytes of a directory that does not change are the same
 * each time, so a transfer that broke off can go on where it stopped.
 *
 *     stream := length:u32le manifest bytes-of-each-file      manifest := JSON [{ name, size }, ...]
 */
import { mkdir, open, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { ChunkReader } from "./chunk-reader.ts";
import { syncDirectory } from "./durable-file.ts";
import { StoreError } from "./store-error.ts";

/** Bytes read from a file at a time. */
const readBytes = 256 * 1024;
/** Names of files that a store has; no file system's limit is shorter. */
const plainName = /^[\w.-]{1,100}$/;
/** A manifest larger than this is not one of ours. */
const maxManifestBytes = 16 * 1024 * 1024;

interface FileRecord {
  readonly name: string;
  readonly size: number;
}

async function manifestOf(directory: string): Promise<FileRecord[]> {
  const names = (await readdir(directory)).toSorted();
  return Promise.all(names.map(async (name) => ({ name, size: (await stat(join(directory, name))).size })));
}

/** The bytes of a directory from `offset` on. The directory must not change while it is read. */
export async function* readDirectoryStream(directory: string, offset: number): AsyncGenerator<Uint8Array> {
  const files = await manifestOf(directory);
  const manifest = Buffer.from(JSON.stringify(files));
  const header = Buffer.alloc(4 + manifest.length);
  header.writeUInt32LE(manifest.length, 0);
  manifest.copy(header, 4);
  if (offset < header.length) yield header.subarray(offset);
  let fileStart = header.length;
  for (const { name, size } of files) {
    const from = Math.max(0, offset - fileStart);
    if (from < size) yield* readFileFrom(join(directory, name), from, size);
    fileStart += size;
  }
}

async function* readFileFrom(path: string, from: number, size: number): AsyncGenerator<Uint8Array> {
  const handle = await open(path, "r");
  try {
    for (let position = from; position < size;) {
      const buffer = Buffer.allocUnsafe(Math.min(readBytes, size - position));
      // oxlint-disable-next-line no-await-in-loop -- a stream is read one piece after the other
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, position);
      if (bytesRead === 0) throw new Error(`${path} became shorter while it was read`);
      yield buffer.subarray(0, bytesRead);
      position += bytesRead;
    }
  } finally {
    await handle.close();
  }
}

/**
 * Writes a streamed directory into a new one, durable when the promise resolves.
 * @throws StoreError when the stream is not one, or ends early; what was written so far is the caller's to delete.
 */
export async function writeDirectoryStream(
  directory: string,
  chunks: AsyncIterable<Uint8Array>,
): Promise<void> {
  await mkdir(directory, { recursive: true });
  const reader = new ChunkReader(chunks);
  const length = (await exactly(reader, 4)).readUInt32LE(0);
  if (length > maxManifestBytes) throw new StoreError(`the stream announces a manifest of ${length} bytes`);
  const files = parseManifest(await exactly(reader, length));
  for (const { name, size } of files) {
    // oxlint-disable-next-line no-await-in-loop -- the files follow each other in the stream
    await writeFileFrom(join(directory, name), size, reader);
  }
  if ((await reader.some(1)) !== undefined) throw new StoreError("the stream goes on after its last file");
  await syncDirectory(directory);
}

async function exactly(reader: ChunkReader, length: number): Promise<Buffer> {
  const bytes = await reader.exactly(length);
  if (bytes === undefined) throw new StoreError("the stream ends too early");
  return bytes;
}

function parseManifest(bytes: Buffer): FileRecord[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(bytes.toString("utf8"));
  } catch (error) {
    throw new StoreError("the stream's manifest is not JSON", { cause: error });
  }
  if (!Array.isArray(parsed)) throw new StoreError("the stream's manifest is not a list");
  const names = new Set<string>();
  return parsed.map((entry: unknown): FileRecord => {
    const { name, size } = (entry ?? {}) as { readonly name?: unknown; readonly size?: unknown };
    // A name comes from another machine: it must not lead out of the directory.
    const isPlain = typeof name === "string" && plainName.test(name) && name !== "." && name !== "..";
    if (!isPlain || !Number.isSafeInteger(size) || (size as number) < 0)
      throw new StoreError("the stream's manifest names no plain file");
    if (names.has(name)) throw new StoreError(`the stream's manifest names ${name} twice`);
    names.add(name);
    return { name, size: size as number };
  });
}

async function writeFileFrom(path: string, size: number, reader: ChunkReader): Promise<void> {
  const handle = await open(path, "wx");
  try {
    for (let left = size; left > 0;) {
      // oxlint-disable-next-line no-await-in-loop -- a stream is written one piece after the other
      const piece = await reader.some(left);
      if (piece === undefined) throw new StoreError("the stream ends inside a file");
      // oxlint-disable-next-line no-await-in-loop -- as above
      await handle.writeFile(piece);
      left -= piece.length;
    }
    // The directory is only put into service once everything in it is on disk.
    await handle.sync();
  } finally {
    await handle.close();
  }
}
