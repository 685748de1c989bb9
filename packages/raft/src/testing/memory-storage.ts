import {
  bootstrapState,
  type Configuration,
  emptyConfiguration,
  emptyHardState,
  type Entry,
  type HardState,
  type LogReader,
  RaftError,
  type SnapshotMetadata,
} from "../index.ts";

/** The log of one replica in memory: what was written is durable at once, and a crash is a new `RawNode` on the same storage. */
export class MemoryStorage implements LogReader {
  #hardState: HardState = emptyHardState;
  #snapshot: SnapshotMetadata = { index: 0, term: 0, configuration: emptyConfiguration };
  /** The index and term of the entry before the first one. */
  #before = { index: 0, term: 0 };
  #entries: Entry[] = [];

  /** The storage of a first member of a new group with these voters. */
  static bootstrap(voters: readonly number[]): MemoryStorage {
    const storage = new MemoryStorage();
    const { snapshot, hardState } = bootstrapState(voters);
    storage.write({ hardState, entries: [], snapshot });
    return storage;
  }

  initialState(): { readonly hardState: HardState; readonly configuration: Configuration } {
    return { hardState: this.#hardState, configuration: this.#snapshot.configuration };
  }

  firstIndex(): number {
    return this.#before.index + 1;
  }

  lastIndex(): number {
    return this.#before.index + this.#entries.length;
  }

  term(index: number): number {
    if (index === this.#before.index) return this.#before.term;
    this.#check(index, index + 1);
    return this.#entries[index - this.firstIndex()]?.term ?? 0;
  }

  entries(low: number, high: number, maxBytes: number): Entry[] {
    this.#check(low, high);
    const first = this.firstIndex();
    const found: Entry[] = [];
    let bytes = 0;
    for (const entry of this.#entries.slice(low - first, high - first)) {
      bytes += entry.data.length;
      if (found.length > 0 && bytes > maxBytes) break;
      found.push(entry);
    }
    return found;
  }

  snapshot(): SnapshotMetadata {
    return this.#snapshot;
  }

  /** One atomic write, as `Ready` and `StorageAppend` ask for it: the snapshot replaces the log, then entries are added. */
  write(write: {
    readonly hardState?: HardState;
    readonly entries: readonly Entry[];
    readonly snapshot?: SnapshotMetadata;
  }): void {
    if (write.snapshot !== undefined) {
      this.#snapshot = write.snapshot;
      this.#before = { index: write.snapshot.index, term: write.snapshot.term };
      this.#entries = [];
    }
    const from = write.entries[0]?.index;
    if (from !== undefined) {
      if (from > this.lastIndex() + 1 || from <= this.#before.index) {
        throw new RaftError(
          "INVARIANT",
          `Entry ${from} does not follow the log, which ends at ${this.lastIndex()}.`,
        );
      }
      this.#entries.length = from - this.firstIndex();
      this.#entries.push(...write.entries);
    }
    if (write.hardState !== undefined) this.#hardState = write.hardState;
  }

  /** Drops the entries up to and including `through`, which a snapshot of the application at `metadata.index` covers. */
  compact(through: number, metadata: SnapshotMetadata): void {
    if (through > metadata.index) {
      throw new RaftError(
        "INVALID_ARGUMENT",
        `The snapshot at ${metadata.index} does not cover entry ${through}.`,
      );
    }
    const term = this.term(through);
    this.#entries = this.#entries.slice(through - this.#before.index);
    this.#before = { index: through, term };
    this.#snapshot = metadata;
  }

  #check(low: number, high: number): void {
    if (low < this.firstIndex()) {
      throw new RaftError("COMPACTED", `Entry ${low} is gone: the log begins at ${this.firstIndex()}.`);
    }
    if (high > this.lastIndex() + 1) {
      throw new RaftError(
        "UNAVAILABLE",
        `Entry ${high - 1} is not there: the log ends at ${this.lastIndex()}.`,
      );
    }
  }
}
