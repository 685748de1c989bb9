import { type FileHandle, open, rm } from "node:fs/promises";
import type { Reject } from "./record.ts";

/** The file in which rejects are listed, one JSON object per line; it does not exist while there are none. */
export class RejectsFile {
  readonly path: string;
  #handle: FileHandle | undefined;
  #bytes = 0;

  constructor(path: string) {
    this.path = path;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Goes on after the first `bytes` of what is there: the rest belongs to items that will be read again. */
  async resume(bytes: number): Promise<void> {
    if (bytes === 0) {
      await rm(this.path, { force: true });
      return;
    }
    const handle = await open(this.path, "a+");
    const { size } = await handle.stat();
    // A file that somebody has shortened or removed goes on from what is left of it.
    this.#bytes = Math.min(bytes, size);
    await handle.truncate(this.#bytes);
    this.#handle = handle;
  }

  async add(rejects: readonly Reject[]): Promise<void> {
    if (rejects.length === 0) return;
    this.#handle ??= await open(this.path, "a+");
    const text = rejects.map((reject) => `${JSON.stringify(reject)}\n`).join("");
    await this.#handle.writeFile(text);
    this.#bytes += Buffer.byteLength(text);
  }

  async close(): Promise<void> {
    await this.#handle?.close();
    this.#handle = undefined;
  }
}
