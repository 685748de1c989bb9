/**
 * Makes what replicas have applied durable now and then. Writes are safe before that, in the Raft log; but the log can only
 * be shortened up to what the store itself would remember after a power failure.
 */
import type { Logger } from "pino";

/** How often, in milliseconds. */
const flushIntervalMs = 5000;

/** Something that is flushed. */
export interface Flushable {
  flush(): Promise<void>;
}

export class ReplicaFlusher {
  readonly #targets: () => readonly Flushable[];
  readonly #logger: Logger;
  #timer: NodeJS.Timeout | undefined;
  #busy = false;

  constructor(fields: { targets: () => readonly Flushable[]; logger: Logger }) {
    this.#targets = fields.targets;
    this.#logger = fields.logger;
  }

  start(): void {
    this.#timer = setInterval(() => void this.flush(), flushIntervalMs);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Flushes all, one after the other: together they would only wait for each other's disk. */
  async flush(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    for (const target of this.#targets()) {
      try {
        // oxlint-disable-next-line no-await-in-loop -- see above
        await target.flush();
      } catch (error) {
        this.#logger.error({ err: error }, "a replica's store could not be flushed");
      }
    }
    this.#busy = false;
  }
}
