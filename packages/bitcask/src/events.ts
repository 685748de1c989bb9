import type { BitcaskError } from "./errors.ts";

/** What a store tells about itself while it runs. */
export type BitcaskEvent =
  /** The log went on in a new file. */
  | { readonly type: "rotated"; readonly fileId: number }
  /** A file is complete: durable, listed as such, and never changed again. */
  | { readonly type: "sealed"; readonly fileId: number; readonly bytes: number }
  /** Opening cut an incomplete end off the log, as is normal after a crash. The bytes were kept if `quarantined` says where. */
  | {
      readonly type: "tailCut";
      readonly file: string;
      readonly offset: number;
      readonly bytes: number;
      readonly quarantined: string | undefined;
    }
  /** A hint was missing or unusable, and the data file was read instead. */
  | { readonly type: "hintRebuilt"; readonly fileId: number; readonly reason: "missing" | "damaged" }
  /** A record failed its checksum. It is never returned; writing the key again heals it. */
  | { readonly type: "corruption"; readonly error: BitcaskError }
  /** Writes are refused from now on: see the error's code for the way out. */
  | { readonly type: "writesStopped"; readonly error: BitcaskError }
  | { readonly type: "writesResumed" }
  | { readonly type: "mergeStarted"; readonly files: readonly number[]; readonly bytes: number }
  | { readonly type: "mergeProgress"; readonly doneBytes: number; readonly totalBytes: number }
  | { readonly type: "mergeFinished"; readonly result: MergeResult }
  | { readonly type: "mergeFailed"; readonly error: BitcaskError };

/** What one merge did. */
export interface MergeResult {
  /** Ids of the files that were merged away; empty if nothing was worth merging. */
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  readonly bytesRead: number;
  readonly bytesWritten: number;
  /** Bytes won back: sizes of the inputs minus those of the outputs. */
  readonly bytesReclaimed: number;
  readonly recordsKept: number;
  readonly recordsDropped: number;
  readonly tombstonesDropped: number;
  readonly expiredDropped: number;
  readonly durationMs: number;
}

export type BitcaskListener = (event: BitcaskEvent) => void;

/** Calls listeners in the order they came. A listener that throws does not disturb the store or the other listeners. */
export class EventHub {
  readonly #listeners: Set<BitcaskListener> = new Set();

  subscribe(listener: BitcaskListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  emit(event: BitcaskEvent): void {
    for (const listener of this.#listeners) {
      try {
        listener(event);
      } catch (error) {
        // Reported like any other uncaught error, but after the store has finished what it was doing.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
