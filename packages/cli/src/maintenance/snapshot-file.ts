/** Snapshot files on this machine. */
import { createReadStream } from "node:fs";
import { type FileHandle, open, rename, rm, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { SnapshotError, type SnapshotSummary, verifySnapshot } from "@titan-kv/server/snapshot";
import { byteWords } from "../operations/cluster-words.ts";
import { CliError, localError, usageError } from "../program/cli-error.ts";
import type { ProgressBar } from "../program/progress-bar.ts";

/** Bytes read, and sent, at a time. */
export const pieceBytes: number = 256 * 1024;

/** A file that has its name only when it is complete and on the disk. */
export class PartialFile {
  readonly #path: string;
  readonly #partial: string;
  readonly #handle: FileHandle;

  private constructor(path: string, partial: string, handle: FileHandle) {
    this.#path = path;
    this.#partial = partial;
    this.#handle = handle;
  }

  /** Begins it, in place of what an earlier attempt left behind. @throws CliError when there is such a file already. */
  static async create(path: string, overwrite: boolean): Promise<PartialFile> {
    const existing = await stat(path).catch(() => undefined);
    if (existing?.isDirectory() === true) throw usageError(`${path} is a directory`, "name a file");
    if (existing !== undefined && !overwrite)
      throw usageError(`${path} exists`, "name another file, or say --overwrite");
    const partial = `${path}.partial`;
    return new PartialFile(path, partial, await open(partial, "w", 0o600));
  }

  /** Forgets what was written. */
  async rewind(): Promise<void> {
    await this.#handle.truncate(0);
  }

  async write(data: Uint8Array, offset: number): Promise<void> {
    for (let written = 0; written < data.length;) {
      // oxlint-disable-next-line no-await-in-loop -- the system may take a part at a time
      const { bytesWritten } = await this.#handle.write(
        data,
        written,
        data.length - written,
        offset + written,
      );
      written += bytesWritten;
    }
  }

  /** Makes it durable, then gives it its name, which is durable when its directory is. */
  async finish(): Promise<void> {
    await this.#handle.sync();
    await this.#handle.close();
    await rename(this.#partial, this.#path);
    if (process.platform === "win32") return;
    await using directory = await open(dirname(resolve(this.#path)));
    await directory.sync();
  }

  async abandon(): Promise<void> {
    await this.#handle.close().catch(() => undefined);
    await rm(this.#partial, { force: true });
  }
}

/** Reads a file to its end and checks every byte. @throws CliError LOCAL when it is not a whole snapshot. */
export async function verifyFile(
  path: string,
  bar: ProgressBar,
  signal: AbortSignal,
): Promise<SnapshotSummary> {
  try {
    const { size } = await stat(path);
    return await verifySnapshot(
      readPieces(path, signal, (bytes) => bar.update(bytes / size, byteWords(bytes))),
    );
  } catch (error) {
    if (!(error instanceof SnapshotError)) throw error;
    throw new CliError("LOCAL", `${path}: ${error.message}`, {
      cause: error,
      nextStep: "use another copy, or save again",
    });
  }
}

/** The pieces of a file; `onPiece` is told how many bytes were read. */
export async function* readPieces(
  path: string,
  signal: AbortSignal,
  onPiece: (bytes: number) => void,
): AsyncGenerator<Uint8Array, void> {
  let bytes = 0;
  const stream = createReadStream(path, { highWaterMark: pieceBytes, signal });
  try {
    for await (const piece of stream) {
      const data = piece as Uint8Array;
      bytes += data.length;
      onPiece(bytes);
      yield data;
    }
  } catch (error) {
    if (signal.aborted) throw error;
    throw localError(`${path} cannot be read: ${(error as Error).message}`, error);
  }
}

/** What a snapshot holds, for people. */
export function summaryText(path: string, summary: SnapshotSummary): string {
  const { keys, bytes, shards, clusterId, savedAtMs, release, digest } = summary;
  return [
    `${path}: ${keys} keys of ${shards.length} shards, ${byteWords(bytes)}`,
    `cluster ${clusterId}, saved ${new Date(savedAtMs).toISOString()} by release ${release}`,
    ...shards.map(
      ({ shard, revision, appliedIndex }) =>
        `shard ${shard} at revision ${revision}, log index ${appliedIndex}`,
    ),
    `sha256 ${digest}`,
  ].join("\n");
}

/** What a snapshot holds, for programs. */
export function summaryJson(path: string, summary: SnapshotSummary): object {
  const { keys, bytes, clusterId, savedAtMs, release, digest } = summary;
  const shards = summary.shards.map(({ shard, revision, appliedIndex }) => ({
    shard,
    revision,
    appliedIndex,
  }));
  return { file: path, keys, bytes, clusterId, savedAtMs, release, sha256: digest, shards };
}
