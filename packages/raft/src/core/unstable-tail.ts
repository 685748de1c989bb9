import type { Entry } from "./entry.ts";
import { violated } from "./invariants.ts";
import type { SnapshotMetadata } from "./snapshot.ts";

/**
 * The newest part of the log: what is not yet known to be durable. Entries first wait to be handed out, then they are
 * being written, then they are durable and leave. A leader of a newer term may overwrite any of them meanwhile, which is
 * why the news that a write is durable names index *and* term.
 */
export class UnstableTail {
  /** The index of the first entry in `#entries`; everything below it is in storage. */
  offset: number;
  #entries: Entry[] = [];
  #snapshot: SnapshotMetadata | undefined;
  /** Entries below this index have been handed out for writing. */
  #handedOut: number;
  #snapshotHandedOut = false;

  constructor(offset: number) {
    this.offset = offset;
    this.#handedOut = offset;
  }

  /** The newest index here; undefined when storage knows best. */
  get lastIndex(): number | undefined {
    if (this.#entries.length > 0) return this.offset + this.#entries.length - 1;
    return this.#snapshot?.index;
  }

  get snapshot(): SnapshotMetadata | undefined {
    return this.#snapshot;
  }

  /** Whether anything here is not yet known to be durable. */
  get hasEntries(): boolean {
    return this.#entries.length > 0;
  }

  /** The term of an entry that is here, or of the snapshot; undefined for every other index. */
  term(index: number): number | undefined {
    if (index >= this.offset) return this.#entries[index - this.offset]?.term;
    return this.#snapshot?.index === index ? this.#snapshot.term : undefined;
  }

  /** Entries in `[low, high)`, all of them here. */
  slice(low: number, high: number): Entry[] {
    return this.#entries.slice(low - this.offset, high - this.offset);
  }

  get hasWork(): boolean {
    return (
      this.#handedOut < this.offset + this.#entries.length ||
      (this.#snapshot !== undefined && !this.#snapshotHandedOut)
    );
  }

  /** The entries to write next. */
  nextEntries(): Entry[] {
    const from = this.#handedOut - this.offset;
    return from >= this.#entries.length ? [] : this.#entries.slice(from);
  }

  /** The snapshot to write next. */
  nextSnapshot(): SnapshotMetadata | undefined {
    return this.#snapshotHandedOut ? undefined : this.#snapshot;
  }

  /** Everything that was next is being written. */
  handOut(): void {
    this.#handedOut = this.offset + this.#entries.length;
    if (this.#snapshot !== undefined) this.#snapshotHandedOut = true;
  }

  /** Everything up to this entry is durable, if it is still the entry of that term. */
  stableTo(index: number, term: number): void {
    if (index < this.offset || this.term(index) !== term) return;
    this.#entries = this.#entries.slice(index + 1 - this.offset);
    this.offset = index + 1;
    this.#handedOut = Math.max(this.#handedOut, this.offset);
  }

  /** The snapshot is durable and applied, if it is still the one at hand. */
  stableSnapshot(index: number): void {
    if (this.#snapshot?.index !== index) return;
    this.#snapshot = undefined;
    this.#snapshotHandedOut = false;
  }

  /** Begins anew behind a snapshot. */
  restore(snapshot: SnapshotMetadata): void {
    this.offset = snapshot.index + 1;
    this.#handedOut = this.offset;
    this.#entries = [];
    this.#snapshot = snapshot;
    this.#snapshotHandedOut = false;
  }

  /** Adds entries; what is here from the first one's index on is dropped. */
  append(entries: readonly Entry[]): void {
    const from = entries[0]?.index;
    if (from === undefined) return;
    const end = this.offset + this.#entries.length;
    if (from > end) violated(`Entry ${from} would leave a gap behind ${end - 1}`);
    if (from <= this.offset) {
      this.#entries = [...entries];
      this.offset = from;
      this.#handedOut = from;
      return;
    }
    if (from < end) {
      this.#entries.length = from - this.offset;
      // What replaces entries that are being written must be written after them.
      this.#handedOut = Math.min(this.#handedOut, from);
    }
    for (const entry of entries) this.#entries.push(entry);
  }
}
