/**
 * Makes segments ready before they are needed. A segment is ready when all its bytes are allocated, its header is
 * durable and so is its name: a batch written to it is then durable by one write, which changes no metadata.
 *
 * A segment that nobody needs any more is used again under a new number and a new salt. Its old batches stay in the
 * file; they carry the old salt and are never taken for new ones. The file has another name while it is rewritten, so
 * that a crash in between leaves nothing that looks like a segment.
 */
import { join } from "node:path";
import type { FileSystem, LogFile } from "./file-system.ts";
import { saltBytes, segmentFileName } from "./format.ts";
import { Segment } from "./segment.ts";
import { encodeSegmentHeader } from "./segment-header.ts";
import { writeFully } from "./write-fully.ts";

/** The ending of files that are not segments yet, or not any more. They are deleted when the log is opened. */
export const temporarySuffix = ".tmp";

/** What segments are made of. */
export interface SegmentPoolOptions {
  readonly fileSystem: FileSystem;
  readonly directory: string;
  readonly segmentBytes: number;
  readonly logId: Uint8Array;
  /** Returns that many random bytes. */
  readonly random: (count: number) => Uint8Array;
}

/** A file waiting to be used again. */
interface SpareFile {
  readonly path: string;
  readonly file: LogFile;
}

/** Prepares segments, and takes back those that are free. */
export class SegmentPool {
  readonly #options: SegmentPoolOptions;
  #spare: SpareFile | undefined;
  #ready: Segment | undefined;
  #preparing: Promise<void> | undefined;

  constructor(options: SegmentPoolOptions) {
    this.#options = options;
  }

  /** Hands in a segment that is ready: one that an earlier process prepared and never wrote to. */
  offer(segment: Segment): void {
    this.#ready = segment;
  }

  /** Begins to prepare a segment of the usual size, without waiting. What fails now is tried again by `take`. */
  prepare(sequence: number): void {
    if (this.#ready !== undefined || this.#preparing !== undefined) return;
    this.#preparing = this.#prepare(sequence);
  }

  /** A ready segment with that number, of at least so many bytes. Throws what the file system throws. */
  async take(sequence: number, minBytes: number): Promise<Segment> {
    await this.#preparing;
    const ready = this.#ready;
    this.#ready = undefined;
    if (ready !== undefined) {
      if (ready.sequence === sequence && ready.bytes >= minBytes) return ready;
      // Too small for a batch of unusual size: nothing was written to it, so nothing is lost.
      ready.file.close();
      this.#options.fileSystem.remove(ready.path);
    }
    return this.#make(sequence, Math.max(minBytes, this.#options.segmentBytes));
  }

  /** Takes back segments that no durable batch needs. */
  async recycle(segments: readonly Segment[]): Promise<void> {
    const { fileSystem, directory, segmentBytes } = this.#options;
    let renamed: SpareFile | undefined;
    for (const segment of segments) {
      if (this.#spare === undefined && renamed === undefined && segment.bytes === segmentBytes) {
        const path = `${segment.path}${temporarySuffix}`;
        fileSystem.rename(segment.path, path);
        renamed = { path, file: segment.file };
      } else {
        segment.file.close();
        fileSystem.remove(segment.path);
      }
    }
    // The old name must be gone for good before the header changes: a crash would otherwise leave a file whose name
    // and header disagree, and that is damage.
    if (segments.length > 0) await fileSystem.syncDirectory(directory);
    if (renamed !== undefined) this.#spare = renamed;
  }

  /** Waits for work under way and closes what is held. The files stay. */
  async close(): Promise<void> {
    await this.#preparing;
    this.#ready?.file.close();
    this.#spare?.file.close();
    this.#ready = undefined;
    this.#spare = undefined;
  }

  async #prepare(sequence: number): Promise<void> {
    try {
      this.#ready = await this.#make(sequence, this.#options.segmentBytes);
    } catch {
      // `take` meets the same obstacle, if it lasts, and reports it.
    } finally {
      this.#preparing = undefined;
    }
  }

  async #make(sequence: number, bytes: number): Promise<Segment> {
    const { fileSystem, directory, logId, random, segmentBytes } = this.#options;
    const path = join(directory, segmentFileName(sequence));
    const spare = bytes === segmentBytes ? this.#spare : undefined;
    if (spare !== undefined) this.#spare = undefined;
    const temporary = spare?.path ?? `${path}${temporarySuffix}`;
    const file = spare?.file ?? fileSystem.open(temporary, "create");
    try {
      if (spare === undefined) await file.preallocate(bytes);
      const header = { sequence, bytes, salt: random(saltBytes), logId };
      await writeFully(file, encodeSegmentHeader(header), 0);
      fileSystem.rename(temporary, path);
      // A batch must not outlive the name of its file.
      await fileSystem.syncDirectory(directory);
      return new Segment(header, path, file);
    } catch (error) {
      file.close();
      discard(fileSystem, [temporary, path]);
      throw error;
    }
  }
}

/** Deletes files that may or may not be there; what stays behind is deleted when the log is opened again. */
function discard(fileSystem: FileSystem, paths: readonly string[]): void {
  for (const path of paths) {
    try {
      fileSystem.remove(path);
    } catch {
      // It was not there, or the disk refuses everything by now.
    }
  }
}
