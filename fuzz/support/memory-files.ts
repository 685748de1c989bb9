/**
 * Files in memory, for decoders that read files: a million inputs cannot each have a directory on a disk. They also count
 * the work that is asked of them, so that a loop without end is found where it is and not by a clock.
 */
import { Finding, type FuzzInput } from "../src/fuzz-target.ts";

/** Work that reading one input may take: a call counts one, and each 4 KiB moved another. */
const maxWork = 100_000;
const bytesPerWork = 4096;
/** No input makes a file longer than this. */
const maxFileBytes = 64 * 1024 * 1024;
const firstCapacityBytes = 1024;

/** An error as Node's file system throws it. */
export function systemError(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code });
}

/** The content of a file, which may have several names. */
export class MemoryFile {
  #bytes: Buffer;
  #size: number;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.#size = bytes.length;
  }

  get size(): number {
    return this.#size;
  }

  /** A copy of what is there. */
  content(): Buffer {
    return Buffer.from(this.#bytes.subarray(0, this.#size));
  }

  read(target: Uint8Array, start: number, length: number, position: number): number {
    const end = Math.min(this.#size, position + length);
    if (end <= position) return 0;
    target.set(this.#bytes.subarray(position, end), start);
    return end - position;
  }

  write(bytes: Uint8Array, position: number): void {
    if (position + bytes.length > this.#size) this.resize(position + bytes.length);
    this.#bytes.set(bytes, position);
  }

  resize(size: number): void {
    if (size > maxFileBytes) throw systemError("EFBIG", "a file in memory");
    if (size > this.#bytes.length) {
      const larger = Buffer.alloc(Math.max(size, this.#bytes.length * 2, firstCapacityBytes));
      larger.set(this.#bytes.subarray(0, this.#size));
      this.#bytes = larger;
    } else if (size < this.#size) this.#bytes.fill(0, size, this.#size);
    this.#size = size;
  }
}

export class MemoryFiles {
  readonly files: Map<string, MemoryFile> = new Map();
  #work = 0;

  /** Files with the names and contents of an input, below a directory. */
  static of(input: FuzzInput, directory: string): MemoryFiles {
    const files = new MemoryFiles();
    // Copied: an input is used again for others, and what opens a file may write to it.
    for (const { name, bytes } of input) {
      files.files.set(`${directory}/${name}`, new MemoryFile(Buffer.from(bytes)));
    }
    return files;
  }

  /** The files as an input. */
  toInput(directory: string): FuzzInput {
    return [...this.files]
      .toSorted(([one], [other]) => (one < other ? -1 : 1))
      .map(([path, file]) => ({ name: path.slice(directory.length + 1), bytes: file.content() }));
  }

  /** Called by each operation. */
  count(bytes: number = 0): void {
    this.#work += 1 + Math.ceil(bytes / bytesPerWork);
    if (this.#work > maxWork) throw systemError("EWORK", "more work than an input is worth");
  }

  /** What a decoder may have taken for an error of the file system and passed on as one. @throws Finding */
  checkWork(): void {
    if (this.#work > maxWork) throw new Finding(`reading the input took more than ${maxWork} steps`);
  }

  get(path: string): MemoryFile {
    const file = this.files.get(path);
    if (file === undefined) throw systemError("ENOENT", path);
    return file;
  }

  rename(from: string, to: string): void {
    this.files.set(to, this.get(from));
    this.files.delete(from);
  }

  remove(path: string): void {
    this.get(path);
    this.files.delete(path);
  }

  /** Names inside a directory. */
  list(directory: string): string[] {
    const prefix = `${directory}/`;
    return [...this.files.keys()]
      .filter((path) => path.startsWith(prefix) && !path.slice(prefix.length).includes("/"))
      .map((path) => path.slice(prefix.length));
  }
}
