/**
 * An import: reads a source in chunks, has a number of them under way at once, and knows at every moment up to where
 * everything is in the cluster.
 *
 * Chunks finish in any order; progress counts only up to the first one that has not. A key that is under way already is
 * waited for before it is written again, so that of two records with the same key the later one wins.
 */
import type { SourceReader } from "./record.ts";
import { Chunk } from "./chunk.ts";
import { ContentSum } from "./content-sum.ts";
import type { ImportProgress } from "./import-state.ts";

/** How often progress is made durable, in milliseconds. */
const saveIntervalMs = 1000;

/** What an import works with. */
export interface ImportRunOptions {
  readonly read: SourceReader;
  /** Writes the records of a chunk. */
  readonly send: (chunk: Chunk) => Promise<void>;
  /** Keeps a chunk's rejects; resolves with the length of the file. */
  readonly keepRejects: (chunk: Chunk) => Promise<number>;
  /** Makes progress durable. */
  readonly save: (progress: ImportProgress) => Promise<void>;
  readonly onProgress: (progress: ImportProgress & { readonly bytesRead: number }) => void;
  /** Aborted when no more is to be read. */
  readonly signal: AbortSignal;
  /** Chunks under way at once. */
  readonly concurrency: number;
  /** Where to go on. */
  readonly from: ImportProgress | undefined;
}

/** A chunk that is being sent. */
interface Flight {
  readonly chunk: Chunk;
  /** Resolves when it is over, with what went wrong. */
  readonly done: Promise<unknown>;
}

const none: ImportProgress = {
  position: "",
  imported: 0,
  importedBytes: 0,
  rejected: 0,
  rejectsBytes: 0,
  sum: new ContentSum().toString(),
};

export class ImportRun {
  readonly #options: ImportRunOptions;
  readonly #sum: ContentSum;
  #progress: ImportProgress;
  #flights: Flight[] = [];
  /** The first chunk is saved at once: from then on the import can be resumed. */
  #savedAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: ImportRunOptions) {
    this.#options = options;
    this.#progress = options.from ?? none;
    this.#sum = ContentSum.parse(this.#progress.sum) ?? new ContentSum();
  }

  /** How far everything is in the cluster. */
  get progress(): ImportProgress {
    return this.#progress;
  }

  /** Imports everything, or until the signal is aborted. Whatever happens, progress is saved. @throws what stopped it. */
  async run(): Promise<void> {
    try {
      await this.#readAndSend();
      while (this.#flights.length > 0) {
        // oxlint-disable-next-line no-await-in-loop -- in their order
        await this.#land();
      }
    } finally {
      // What is still under way is written or not; progress does not claim it.
      await Promise.all(this.#flights.map(({ done }) => done));
      if (this.#progress.position !== "") await this.#options.save(this.#progress);
    }
  }

  async #readAndSend(): Promise<void> {
    const { read, signal, from } = this.#options;
    let chunk = new Chunk();
    for await (const item of read(from?.position)) {
      if (signal.aborted) break;
      const key = item.found.type === "record" ? item.found.record.key : undefined;
      if (key !== undefined && chunk.keys.has(key)) {
        await this.#launch(chunk);
        chunk = new Chunk();
      }
      if (key !== undefined) await this.#waitFor(key);
      chunk.add(item);
      if (chunk.isFull) {
        await this.#launch(chunk);
        chunk = new Chunk();
      }
    }
    if (!chunk.isEmpty && !signal.aborted) await this.#launch(chunk);
  }

  /** Waits until no chunk under way has the key. */
  async #waitFor(key: string): Promise<void> {
    while (this.#flights.some(({ chunk }) => chunk.keys.has(key))) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await this.#land();
    }
  }

  async #launch(chunk: Chunk): Promise<void> {
    while (this.#flights.length >= this.#options.concurrency) {
      // oxlint-disable-next-line no-await-in-loop -- until there is room
      await this.#land();
    }
    const done = this.#options.send(chunk).then(
      () => undefined,
      (error: unknown) => error ?? new Error("a chunk could not be sent"),
    );
    this.#flights.push({ chunk, done });
  }

  /** Waits for the first chunk under way and counts it. */
  async #land(): Promise<void> {
    const flight = this.#flights[0]!;
    const error = await flight.done;
    if (error !== undefined) throw error;
    this.#flights.shift();
    const { chunk } = flight;
    const rejectsBytes = await this.#options.keepRejects(chunk);
    this.#sum.addSum(chunk.sum);
    this.#progress = {
      position: chunk.position,
      imported: this.#progress.imported + chunk.imported,
      importedBytes: this.#progress.importedBytes + chunk.importedBytes,
      rejected: this.#progress.rejected + chunk.rejects.length,
      rejectsBytes,
      sum: this.#sum.toString(),
    };
    this.#options.onProgress({ ...this.#progress, bytesRead: chunk.bytesRead });
    if (performance.now() - this.#savedAtMs < saveIntervalMs) return;
    await this.#options.save(this.#progress);
    this.#savedAtMs = performance.now();
  }
}
