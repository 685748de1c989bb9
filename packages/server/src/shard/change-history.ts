/**
 * The newest changes of a shard, for those who follow it. Bounded in number and bytes: whoever falls further behind is told
 * that the history is gone, and begins again with a scan. It lives in memory; a replica that starts, or takes over another
 * replica's state, begins a new one.
 */

/** What happened to a key. */
export type ChangeKind = "put" | "delete" | "expire";

/** One change. The bytes belong to the log's entry: do not change them. */
export interface Change {
  readonly kind: ChangeKind;
  readonly key: Uint8Array;
  /** The new value of a put. */
  readonly value: Uint8Array | undefined;
  /** The shard's revision of the change. */
  readonly revision: number;
}

/** Changes kept, and bytes of keys and values kept. */
export interface HistoryLimits {
  readonly maxChanges: number;
  readonly maxBytes: number;
}

export const defaultHistoryLimits: HistoryLimits = { maxChanges: 16_384, maxBytes: 16 * 1024 * 1024 };

function bytesOf({ key, value }: Change): number {
  return key.length + (value?.length ?? 0);
}

export class ChangeHistory {
  readonly #limits: HistoryLimits;
  /** Ascending by revision, without gaps. The first `#first` are gone. */
  #changes: Change[] = [];
  #first = 0;
  #bytes = 0;
  /** Nothing at or below this revision is kept. */
  #beforeRevision: number;
  readonly #waiters = new Set<() => void>();

  constructor(revision: number, limits: HistoryLimits = defaultHistoryLimits) {
    this.#beforeRevision = revision;
    this.#limits = limits;
  }

  /** The revision of the newest change that is kept, or after which the history begins. */
  get revision(): number {
    return this.#changes.length > this.#first ? this.#changes.at(-1)!.revision : this.#beforeRevision;
  }

  /** Takes over changes that have been applied, in order, and wakes those who wait. */
  publish(changes: readonly Change[]): void {
    if (changes.length === 0) return;
    for (const change of changes) {
      this.#changes.push(change);
      this.#bytes += bytesOf(change);
    }
    while (
      this.#changes.length - this.#first > this.#limits.maxChanges ||
      this.#bytes > this.#limits.maxBytes
    ) {
      const oldest = this.#changes[this.#first]!;
      this.#bytes -= bytesOf(oldest);
      this.#beforeRevision = oldest.revision;
      this.#first += 1;
    }
    if (this.#first > this.#limits.maxChanges) {
      this.#changes = this.#changes.slice(this.#first);
      this.#first = 0;
    }
    this.#wake();
  }

  /** The state was replaced: what came before cannot be told any more. */
  restart(revision: number): void {
    this.#changes = [];
    this.#first = 0;
    this.#bytes = 0;
    this.#beforeRevision = revision;
    this.#wake();
  }

  /** Up to `most` changes after `revision`, oldest first; `undefined` when some of them are gone, or it is in the future. */
  since(revision: number, most: number): Change[] | undefined {
    if (revision < this.#beforeRevision || revision > this.revision) return undefined;
    // Revisions have no gaps, so the place of the next one is known.
    const at = this.#first + (revision - this.#beforeRevision);
    return this.#changes.slice(at, at + most);
  }

  /** Resolves at the next change, or when the signal aborts. */
  changed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#waiters.delete(done);
        signal.removeEventListener("abort", done);
        resolve();
      };
      this.#waiters.add(done);
      signal.addEventListener("abort", done);
      if (signal.aborted) done();
    });
  }

  #wake(): void {
    for (const waiter of this.#waiters) waiter();
  }
}
