import type { StorageAppend } from "../core/ready.ts";
import type { SnapshotMetadata } from "../core/snapshot.ts";

/** What becomes of writes that are durable. */
export interface DurableWritesOptions {
  /** Puts a received state in the place of the present one; the log begins behind it by now. */
  readonly install: (metadata: SnapshotMetadata) => Promise<void>;
  /** The write takes effect: its answers leave, and the core is told. */
  readonly effective: (append: StorageAppend) => void;
  readonly failed: (error: unknown) => void;
}

/**
 * Lets durable writes take effect in the order in which they were handed out. Almost always that is at once; behind a
 * snapshot, whose state takes a while to be installed, they wait.
 */
export class DurableWrites {
  readonly #options: DurableWritesOptions;
  #waiting: StorageAppend[] = [];
  #installing = false;
  #stopped = false;

  constructor(options: DurableWritesOptions) {
    this.#options = options;
  }

  /** A write is durable, and all those before it. */
  add(append: StorageAppend): void {
    if (append.snapshot === undefined && !this.#installing) {
      this.#options.effective(append);
      return;
    }
    this.#waiting.push(append);
    if (!this.#installing) void this.#drain();
  }

  stop(): void {
    this.#stopped = true;
    this.#waiting = [];
  }

  async #drain(): Promise<void> {
    this.#installing = true;
    try {
      for (let append = this.#waiting.shift(); append !== undefined; append = this.#waiting.shift()) {
        // eslint-disable-next-line no-await-in-loop -- writes take effect one after the other
        if (append.snapshot !== undefined) await this.#options.install(append.snapshot);
        if (this.#stopped) return;
        this.#options.effective(append);
      }
    } catch (error) {
      this.#options.failed(error);
    } finally {
      this.#installing = false;
    }
  }
}
