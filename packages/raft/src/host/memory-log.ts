import { emptyConfiguration } from "../core/configuration.ts";
import type { Entry } from "../core/entry.ts";
import { emptyHardState, type HardState } from "../core/hard-state.ts";
import type { LogReader } from "../core/log-reader.ts";
import { RaftError } from "../core/raft-error.ts";
import type { SnapshotMetadata } from "../core/snapshot.ts";
import type { LogStorage, LogWrite } from "./log-storage.ts";

/** The log of one group in memory. */
class MemoryGroupLog implements LogReader {
  hardState: HardState = emptyHardState;
  metadata: SnapshotMetadata = { index: 0, term: 0, configuration: emptyConfiguration };
  exists = false;
  /** The entry before the first one. */
  #through = 0;
  #throughTerm = 0;
  /** Entries from `#head` on; those before were compacted. */
  #entries: Entry[] = [];
  #head = 0;

  initialState(): ReturnType<LogReader["initialState"]> {
    return { hardState: this.hardState, configuration: this.metadata.configuration };
  }

  firstIndex(): number {
    return this.#through + 1;
  }

  lastIndex(): number {
    return this.#through + this.#entries.length - this.#head;
  }

  term(index: number): number {
    if (index === this.#through) return this.#throughTerm;
    return this.#entry(index).term;
  }

  snapshot(): SnapshotMetadata {
    return this.metadata;
  }

  entries(low: number, high: number, maxBytes: number): Entry[] {
    if (low >= high) return [];
    let end = low;
    for (let bytes = 0; end < high; end++) {
      bytes += this.#entry(end).data.length;
      if (end > low && bytes > maxBytes) break;
    }
    const start = this.#head - this.#through - 1;
    return this.#entries.slice(start + low, start + end);
  }

  apply(write: LogWrite): void {
    this.exists = true;
    if (write.snapshot !== undefined) {
      this.metadata = write.snapshot;
      this.#through = write.snapshot.index;
      this.#throughTerm = write.snapshot.term;
      this.#entries = [];
      this.#head = 0;
    }
    const first = write.entries?.[0];
    if (write.entries !== undefined && first !== undefined) {
      if (first.index <= this.#through || first.index > this.lastIndex() + 1) {
        throw new RaftError(
          "INVALID_ARGUMENT",
          `Entries of group ${write.group} cannot begin at ${first.index}.`,
        );
      }
      this.#entries.length = this.#head + first.index - this.#through - 1;
      for (const entry of write.entries) this.#entries.push(entry);
    }
    if (write.compact !== undefined && write.compact.metadata.index >= this.metadata.index) {
      this.metadata = write.compact.metadata;
      this.#dropThrough(write.compact.through);
    }
    if (write.hardState !== undefined) this.hardState = write.hardState;
  }

  #dropThrough(index: number): void {
    if (index <= this.#through) return;
    this.#throughTerm = this.term(index);
    this.#head += index - this.#through;
    this.#through = index;
    if (this.#head * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
  }

  #entry(index: number): Entry {
    const entry = this.#entries[this.#head + index - this.#through - 1];
    if (index <= this.#through) throw new RaftError("COMPACTED", `Entry ${index} is gone.`);
    if (entry === undefined) throw new RaftError("UNAVAILABLE", `Entry ${index} is not there.`);
    return entry;
  }
}

/**
 * A log in memory, for tests and benchmarks: what is appended is "durable" at once, and lost with the process. The same
 * object can be handed to a second host, as if the first one had crashed.
 */
export class MemoryLog implements LogStorage {
  readonly #groups = new Map<number, MemoryGroupLog>();
  readonly #removed = new Set<number>();

  groups(): number[] {
    const existing = [...this.#groups].filter(([, log]) => log.exists).map(([group]) => group);
    return existing.toSorted((one, other) => one - other);
  }

  damaged(): { readonly group: number; readonly problem: string }[] {
    return [];
  }

  reader(group: number): LogReader {
    return this.#log(group);
  }

  async append(batch: readonly LogWrite[]): Promise<void> {
    for (const write of batch) {
      // Known before it has happened: a write that comes meanwhile must not bring the group back.
      if (write.remove === true) this.#removed.add(write.group);
      else if (write.create === true) this.#removed.delete(write.group);
      else if (this.#removed.has(write.group)) {
        throw new RaftError("INVALID_ARGUMENT", `Group ${write.group} was removed.`);
      }
    }
    // Like a disk, if a fast one: nobody sees the write in the step that hands it over.
    await Promise.resolve();
    for (const write of batch) {
      if (write.remove === true) this.#groups.delete(write.group);
      else this.#log(write.group).apply(write);
    }
  }

  flush(): Promise<void> {
    return Promise.resolve();
  }

  oldestPendingMs(): number {
    return 0;
  }

  pinning(): { readonly group: number; readonly bytes: number }[] {
    return [];
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #log(group: number): MemoryGroupLog {
    let log = this.#groups.get(group);
    if (log === undefined) {
      log = new MemoryGroupLog();
      this.#groups.set(group, log);
    }
    return log;
  }
}
