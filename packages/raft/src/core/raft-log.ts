import type { Entry } from "./entry.ts";
import { violated } from "./invariants.ts";
import type { LogReader } from "./log-reader.ts";
import { RaftError } from "./raft-error.ts";
import type { SnapshotMetadata } from "./snapshot.ts";
import { UnstableTail } from "./unstable-tail.ts";

/**
 * The whole log of a replica: durable entries in storage, newer ones in the unstable tail, and how far it is committed
 * and applied. Invariant: `applied <= applying <= committed <= lastIndex`.
 */
export class RaftLog {
  readonly #storage: LogReader;
  readonly #tail: UnstableTail;
  readonly #maxApplyingBytes: number;
  /** The highest index known to be on a majority. */
  committed: number;
  /** The highest index handed out for application. */
  applying: number;
  /** The highest index the application has reported. */
  applied: number;
  /** Bytes handed out for application and not reported yet. */
  #applyingBytes = 0;

  constructor(options: { storage: LogReader; committed: number; applied: number; maxApplyingBytes: number }) {
    this.#storage = options.storage;
    this.#maxApplyingBytes = options.maxApplyingBytes;
    this.#tail = new UnstableTail(options.storage.lastIndex() + 1);
    this.committed = options.committed;
    this.applying = options.applied;
    this.applied = options.applied;
  }

  get firstIndex(): number {
    const snapshot = this.#tail.snapshot;
    return snapshot === undefined ? this.#storage.firstIndex() : snapshot.index + 1;
  }

  get lastIndex(): number {
    return this.#tail.lastIndex ?? this.#storage.lastIndex();
  }

  /** The term of the newest entry known to be committed. */
  get committedTerm(): number {
    return (
      this.term(this.committed) ?? violated(`The term of the committed entry ${this.committed} is not known`)
    );
  }

  get lastTerm(): number {
    return this.term(this.lastIndex) ?? violated(`The term of the last entry ${this.lastIndex} is not known`);
  }

  /** The highest index that is known to be durable here. */
  get stableIndex(): number {
    return this.#tail.offset - 1;
  }

  get tail(): UnstableTail {
    return this.#tail;
  }

  /** The term of an entry; undefined when the log does not reach back or forth to it. */
  term(index: number): number | undefined {
    const unstable = this.#tail.term(index);
    if (unstable !== undefined) return unstable;
    if (index >= this.#tail.offset || index < this.firstIndex - 1) return undefined;
    return this.#storage.term(index);
  }

  matches(index: number, term: number): boolean {
    return this.term(index) === term;
  }

  /** Whether a log that ends so is at least as up to date as this one (Raft paper, section 5.4.1). */
  isUpToDate(lastIndex: number, lastTerm: number): boolean {
    const ownTerm = this.lastTerm;
    return lastTerm > ownTerm || (lastTerm === ownTerm && lastIndex >= this.lastIndex);
  }

  /**
   * The newest index at or below `index` whose entry is of `term` or an older one, and that entry's term: 0 when the log
   * does not reach back so far. Where another log has `term` at `index`, the two cannot agree above the result.
   */
  findConflictByTerm(index: number, term: number): { readonly index: number; readonly term: number } {
    for (let candidate = index; candidate > 0; candidate -= 1) {
      const ownTerm = this.term(candidate);
      if (ownTerm === undefined) return { index: candidate, term: 0 };
      if (ownTerm <= term) return { index: candidate, term: ownTerm };
    }
    return { index: 0, term: 0 };
  }

  /** Entries in `[low, high)`, as many as fit into `maxBytes` of data, at least one. */
  slice(low: number, high: number, maxBytes: number): Entry[] {
    if (low >= high) return [];
    const offset = this.#tail.offset;
    if (low >= offset) return limited(this.#tail.slice(low, high), maxBytes);
    const durableEnd = Math.min(high, offset);
    const durable = this.#storage.entries(low, durableEnd, maxBytes);
    if (durable.length === 0 || durable[0]!.index !== low) {
      throw new RaftError("CORRUPT", `The log did not return entry ${low}, which it had reported durable.`);
    }
    if (high <= offset || durable.length < durableEnd - low) return durable;
    return limited([...durable, ...this.#tail.slice(offset, high)], maxBytes);
  }

  /** A leader's own entries, at the end. */
  append(entries: readonly Entry[]): void {
    this.#tail.append(entries);
  }

  /**
   * A leader's entries behind a matching one. Entries that are already there stay, so that a delayed append cannot
   * take back what a newer one brought (Raft paper, section 5.3). Returns the index of the last of them.
   */
  merge(previousIndex: number, entries: readonly Entry[]): number {
    const lastNew = previousIndex + entries.length;
    for (let position = 0; position < entries.length; position += 1) {
      const entry = entries[position]!;
      if (this.matches(entry.index, entry.term)) continue;
      if (entry.index <= this.committed) {
        violated(
          `Entry ${entry.index} of term ${entry.term} contradicts a committed one (commit is ${this.committed})`,
        );
      }
      this.#tail.append(position === 0 ? entries : entries.slice(position));
      break;
    }
    return lastNew;
  }

  commitTo(index: number): void {
    if (index <= this.committed) return;
    if (index > this.lastIndex) {
      violated(
        `Index ${index} is said to be committed, but the log ends at ${this.lastIndex}: it lost entries`,
      );
    }
    this.committed = index;
  }

  /** Somebody knows that this entry is committed: if it is the entry that is here, so is everything up to it. */
  learnCommit(index: number, term: number): void {
    if (index > this.committed && this.matches(index, term)) this.commitTo(index);
  }

  restore(snapshot: SnapshotMetadata): void {
    this.#tail.restore(snapshot);
    this.committed = snapshot.index;
  }

  /**
   * The entries to apply next. Entries that are not durable here are withheld unless the caller makes them durable before
   * it applies them; nothing is applied between accepting a snapshot and restoring it.
   */
  nextCommitted(allowUnstable: boolean): Entry[] {
    const budget = this.#maxApplyingBytes - this.#applyingBytes;
    if (!this.#mayApply(allowUnstable) || budget <= 0) return [];
    return this.slice(this.applying + 1, this.#appliableEnd(allowUnstable), budget);
  }

  hasNextCommitted(allowUnstable: boolean): boolean {
    return this.#mayApply(allowUnstable) && this.#applyingBytes < this.#maxApplyingBytes;
  }

  /** These were handed out for application. */
  handOut(entries: readonly Entry[], bytes: number): void {
    const last = entries.at(-1);
    if (last === undefined) return;
    this.applying = last.index;
    this.#applyingBytes += bytes;
  }

  appliedTo(index: number, bytes: number): void {
    if (index > this.committed)
      violated(`Index ${index} was applied, but only ${this.committed} is committed`);
    this.applied = Math.max(this.applied, index);
    this.applying = Math.max(this.applying, this.applied);
    this.#applyingBytes = Math.max(0, this.#applyingBytes - bytes);
  }

  /** The newest snapshot in storage. */
  snapshot(): SnapshotMetadata {
    return this.#storage.snapshot();
  }

  check(): void {
    const { applied, applying, committed, lastIndex } = this;
    if (applied > applying || applying > committed || committed > lastIndex) {
      violated(
        `Applied ${applied}, applying ${applying}, commit ${committed}, last ${lastIndex} are out of order`,
      );
    }
  }

  #mayApply(allowUnstable: boolean): boolean {
    return this.#tail.snapshot === undefined && this.applying + 1 < this.#appliableEnd(allowUnstable);
  }

  #appliableEnd(allowUnstable: boolean): number {
    return (allowUnstable ? this.committed : Math.min(this.committed, this.stableIndex)) + 1;
  }
}

/** The bytes of data in some entries. */
export function sizeOf(entries: readonly Entry[]): number {
  let bytes = 0;
  for (const entry of entries) bytes += entry.data.length;
  return bytes;
}

function limited(entries: Entry[], maxBytes: number): Entry[] {
  let bytes = entries[0]?.data.length ?? 0;
  for (let count = 1; count < entries.length; count += 1) {
    bytes += entries[count]!.data.length;
    if (bytes > maxBytes) return entries.slice(0, count);
  }
  return entries;
}
