/**
 * Snapshots in files, one file each.
 *
 *   file   := magic:8 "TITANSNP" version:u32 metadataBytes:u32 checksum:u32 metadata piece* end
 *   piece  := length:u32 checksum:u32 data
 *   end    := 0:u32 checksum:u32
 *
 * Numbers are little-endian. The first checksum covers the metadata; that of a piece its data, continued from the piece
 * before; the last one repeats the last piece's, so that a file that ends early is noticed. A snapshot is written under
 * a temporary name, made durable, renamed, and the directory is synced: whatever has its final name is complete.
 */
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { ByteReader } from "../core/byte-reader.ts";
import { ByteWriter } from "../core/byte-writer.ts";
import { readSnapshotMetadata, writeSnapshotMetadata } from "../core/configuration-codec.ts";
import { RaftError } from "../core/raft-error.ts";
import type { SnapshotMetadata } from "../core/snapshot.ts";
import type { FileSystem, LogFile } from "../wal/file-system.ts";
import { nodeFileSystem } from "../wal/node-file-system.ts";
import { writeFully } from "../wal/write-fully.ts";
import { inPieces } from "./chunked.ts";
import type { SnapshotStore } from "./snapshot-store.ts";

const magic = new TextEncoder().encode("TITANSNP");
const version = 1;
const headerBytes = 20;
const pieceHeaderBytes = 8;
const pieceBytes: number = 1 << 20;
/** More than any configuration needs: a file that claims more is damaged. */
const maxMetadataBytes: number = 1 << 20;
const temporarySuffix = ".tmp";

/** A snapshot's file, and what its name says. */
interface StoredFile {
  readonly name: string;
  readonly group: number;
  readonly index: number;
}

/** Keeps snapshots in a directory, which it has for itself. */
export class FileSnapshotStore implements SnapshotStore {
  readonly #directory: string;
  readonly #fileSystem: FileSystem;
  #written = 0;

  private constructor(directory: string, fileSystem: FileSystem) {
    this.#directory = directory;
    this.#fileSystem = fileSystem;
  }

  /** Opens the store in a directory, which is created when missing, and deletes what a crash left unfinished. */
  static async open(directory: string, fileSystem: FileSystem = nodeFileSystem): Promise<FileSnapshotStore> {
    await fileSystem.makeDirectory(directory);
    for (const name of fileSystem.list(directory)) {
      if (name.endsWith(temporarySuffix)) fileSystem.remove(join(directory, name));
    }
    return new FileSnapshotStore(directory, fileSystem);
  }

  list(group: number): Promise<readonly SnapshotMetadata[]> {
    const found: SnapshotMetadata[] = [];
    for (const { name } of this.#files(group)) {
      const file = this.#fileSystem.open(join(this.#directory, name), "read");
      try {
        const metadata = readHeader(file)?.metadata;
        if (metadata !== undefined) found.push(metadata);
      } finally {
        file.close();
      }
    }
    return Promise.resolve(found.toSorted((one, other) => other.index - one.index));
  }

  async write(group: number, metadata: SnapshotMetadata, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const path = join(this.#directory, fileName(group, metadata));
    // A transfer that was given up may not have let go of its file yet when the next one brings the same snapshot.
    this.#written += 1;
    const temporary = `${path}.${this.#written}${temporarySuffix}`;
    const file = this.#fileSystem.open(temporary, "create");
    try {
      let position = await append(file, 0, header(metadata));
      let checksum = 0;
      for await (const { data } of inPieces(chunks, pieceBytes)) {
        // An empty piece would look like the end; it is the end of an empty state.
        if (data.length === 0) continue;
        checksum = crc32(data, checksum);
        position = await append(file, position, piece(data, checksum));
      }
      await append(file, position, piece(new Uint8Array(0), checksum));
      await file.sync();
    } catch (error) {
      file.close();
      this.#fileSystem.remove(temporary);
      throw error;
    }
    file.close();
    this.#fileSystem.rename(temporary, path);
    await this.#fileSystem.syncDirectory(this.#directory);
  }

  async *read(group: number, index: number, offset: number): AsyncGenerator<Uint8Array> {
    const stored = this.#files(group).find((file) => file.index === index);
    if (stored === undefined) {
      throw new RaftError(
        "UNAVAILABLE",
        `There is no snapshot of group ${group} at ${index} in ${this.#directory}.`,
      );
    }
    const path = join(this.#directory, stored.name);
    const file = this.#fileSystem.open(path, "read");
    try {
      let position = readHeader(file)?.end ?? damaged(path);
      let checksum = 0;
      let skip = offset;
      for (;;) {
        const data = readPiece(file, position, checksum) ?? damaged(path);
        if (data.length === 0) return;
        checksum = crc32(data, checksum);
        position += pieceHeaderBytes + data.length;
        if (skip < data.length) yield data.subarray(skip);
        skip = Math.max(0, skip - data.length);
      }
    } finally {
      file.close();
    }
  }

  async dropBefore(group: number, index: number): Promise<void> {
    const superfluous = this.#files(group).filter((file) => file.index < index);
    for (const { name } of superfluous) this.#fileSystem.remove(join(this.#directory, name));
    if (superfluous.length > 0) await this.#fileSystem.syncDirectory(this.#directory);
  }

  #files(group: number): StoredFile[] {
    return this.#fileSystem
      .list(this.#directory)
      .map(parseName)
      .filter((file) => file?.group === group)
      .filter((file) => file !== undefined);
  }
}

function fileName(group: number, { index, term }: SnapshotMetadata): string {
  return `group-${group}-${index}-${term}.snapshot`;
}

function parseName(name: string): StoredFile | undefined {
  const match = /^group-(\d+)-(\d+)-\d+\.snapshot$/u.exec(name);
  return match === null ? undefined : { name, group: Number(match[1]), index: Number(match[2]) };
}

function header(metadata: SnapshotMetadata): Uint8Array {
  const writer = new ByteWriter();
  writeSnapshotMetadata(metadata, writer);
  const encoded = writer.view();
  const bytes = new Uint8Array(headerBytes + encoded.length);
  const view = new DataView(bytes.buffer);
  bytes.set(magic, 0);
  view.setUint32(8, version, true);
  view.setUint32(12, encoded.length, true);
  view.setUint32(16, crc32(encoded), true);
  bytes.set(encoded, headerBytes);
  return bytes;
}

function piece(data: Uint8Array, checksum: number): Uint8Array {
  const bytes = new Uint8Array(pieceHeaderBytes + data.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, data.length, true);
  view.setUint32(4, checksum, true);
  bytes.set(data, pieceHeaderBytes);
  return bytes;
}

async function append(file: LogFile, position: number, bytes: Uint8Array): Promise<number> {
  await writeFully(file, bytes, position);
  return position + bytes.length;
}

function readExactly(file: LogFile, position: number, count: number): Uint8Array | undefined {
  const bytes = new Uint8Array(count);
  return file.read(bytes, position) === count ? bytes : undefined;
}

function readHeader(
  file: LogFile,
): { readonly metadata: SnapshotMetadata; readonly end: number } | undefined {
  const fixed = readExactly(file, 0, headerBytes);
  if (fixed === undefined || !magic.every((byte, at) => fixed[at] === byte)) return undefined;
  const view = new DataView(fixed.buffer);
  const length = view.getUint32(12, true);
  if (view.getUint32(8, true) !== version || length > maxMetadataBytes) return undefined;
  const encoded = readExactly(file, headerBytes, length);
  if (encoded === undefined || crc32(encoded) !== view.getUint32(16, true)) return undefined;
  return { metadata: readSnapshotMetadata(new ByteReader(encoded)), end: headerBytes + length };
}

/** The piece at a position, empty at the end; undefined when it is not what was written. */
function readPiece(file: LogFile, position: number, before: number): Uint8Array | undefined {
  const fixed = readExactly(file, position, pieceHeaderBytes);
  if (fixed === undefined) return undefined;
  const view = new DataView(fixed.buffer);
  const length = view.getUint32(0, true);
  if (length > pieceBytes) return undefined;
  const data = readExactly(file, position + pieceHeaderBytes, length);
  return data !== undefined && crc32(data, before) === view.getUint32(4, true) ? data : undefined;
}

function damaged(path: string): never {
  throw new RaftError(
    "CORRUPT",
    `The snapshot in ${path} is not what was written; delete it, and replace this replica.`,
  );
}
