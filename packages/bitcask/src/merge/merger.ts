import { BitcaskError } from "../errors.ts";
import type { MergeResult } from "../events.ts";
import { sealWritten, type Store } from "../store.ts";
import { chooseInputs, isInWindow, isMergeDue } from "./merge-plan.ts";
import { MergeRun } from "./merge-run.ts";
import { Pace } from "./pace.ts";

/** How to run one merge by hand. */
export interface MergeOptions {
  /** Take every file, and the one being written too, not only those that pass the policy's thresholds. Default false. */
  readonly force?: boolean;
  /** Aborting it gives the merge up, with CANCELLED and nothing changed, unless it has already committed. */
  readonly signal?: AbortSignal;
  /** Instead of the policy's. */
  readonly maxBytesPerSecond?: number;
}

/** Runs merges, one at a time, by hand or when the policy says so. */
export class Merger {
  readonly #store: Store;
  readonly #closing: AbortController = new AbortController();
  #running: Promise<MergeResult> | undefined;
  #timer: NodeJS.Timeout | undefined;
  lastResult: MergeResult | undefined = undefined;

  constructor(store: Store) {
    this.#store = store;
    if (store.options.merge.auto) this.#schedule();
  }

  /** Joins a merge that is already running, unless `force` asks for more than that one may do; then it is the next. */
  merge(options: MergeOptions = {}): Promise<MergeResult> {
    const before = this.#running;
    if (before && options.force !== true) return before;
    // Noted before anything is awaited: two merges at once would both copy the same files.
    const running = this.#runAfter(before, options).finally(() => {
      if (this.#running === running) this.#running = undefined;
    });
    this.#running = running;
    return running;
  }

  /** Gives up a running merge and starts no other. */
  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    this.#closing.abort();
    while (this.#running) {
      // oxlint-disable-next-line eslint/no-await-in-loop -- a forced merge may be waiting behind the running one
      await this.#running.catch(() => undefined);
    }
  }

  async #runAfter(before: Promise<MergeResult> | undefined, options: MergeOptions): Promise<MergeResult> {
    await before?.catch(() => undefined);
    return this.#run(options);
  }

  async #run(options: MergeOptions): Promise<MergeResult> {
    const { events } = this.#store;
    this.#store.log.failure.refuseIfUnsafe();
    if (options.force === true) await sealWritten(this.#store);
    const inputs = this.#choose(options.force === true);
    if (inputs.length === 0) return nothingMerged;
    events.emit({
      type: "mergeStarted",
      files: inputs.map((file) => file.fileId),
      bytes: inputs.reduce((sum, file) => sum + file.size, 0),
    });
    const pace = new Pace({
      bytesPerSecond: options.maxBytesPerSecond ?? this.#store.options.merge.maxBytesPerSecond,
      signal: options.signal ? AbortSignal.any([options.signal, this.#closing.signal]) : this.#closing.signal,
    });
    try {
      pace.refuseIfCancelled();
      this.lastResult = await new MergeRun(this.#store, {
        inputs,
        pace,
        nowMs: this.#store.options.clock(),
      }).run();
    } catch (error) {
      if (error instanceof BitcaskError) events.emit({ type: "mergeFailed", error });
      throw error;
    }
    events.emit({ type: "mergeFinished", result: this.lastResult });
    return this.lastResult;
  }

  #choose(force: boolean): ReturnType<typeof chooseInputs> {
    const { table, options } = this.#store;
    return chooseInputs(table.values(), options.merge, { nowMs: options.clock(), force });
  }

  #schedule(): void {
    const { checkIntervalMs, jitter } = this.#store.options.merge;
    this.#timer = setTimeout(() => void this.#check(), checkIntervalMs * (1 + Math.random() * jitter));
    this.#timer.unref();
  }

  async #check(): Promise<void> {
    const { table, options } = this.#store;
    const isDue = isMergeDue(table.values(), options.merge, options.clock());
    if (isDue && isInWindow(new Date().getHours(), options.merge.window)) {
      // A failure was announced as an event; the next check tries again.
      await this.merge().catch(() => undefined);
    }
    if (!this.#closing.signal.aborted) this.#schedule();
  }
}

const nothingMerged: MergeResult = {
  inputs: [],
  outputs: [],
  bytesRead: 0,
  bytesWritten: 0,
  bytesReclaimed: 0,
  recordsKept: 0,
  recordsDropped: 0,
  tombstonesDropped: 0,
  expiredDropped: 0,
  durationMs: 0,
};
