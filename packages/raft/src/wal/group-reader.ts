import { RaftError } from "../core/raft-error.ts";
import type { Configuration } from "../core/configuration.ts";
import type { Entry } from "../core/entry.ts";
import type { HardState } from "../core/hard-state.ts";
import type { LogReader } from "../core/log-reader.ts";
import type { SnapshotMetadata } from "../core/snapshot.ts";
import type { EntryCache } from "./entry-cache.ts";
import { entryHeaderBytes } from "./format.ts";
import type { GroupLog } from "./group-log.ts";
import { decodeEntry } from "./record-decoder.ts";

/** Neighbouring entries are fetched by one read of at most this many bytes, unless a single one is larger. */
const maxReadBytes = 1 << 20;

/** Reads the durable log of one group: from memory what was written lately, else from the disk, checking every byte. */
export class GroupReader implements LogReader {
  readonly #log: () => GroupLog;
  readonly #cache: EntryCache;

  /** `log` throws when the group was removed or the log closed. */
  constructor(log: () => GroupLog, cache: EntryCache) {
    this.#log = log;
    this.#cache = cache;
  }

  initialState(): { readonly hardState: HardState; readonly configuration: Configuration } {
    const { hardState, metadata } = this.#log();
    return { hardState, configuration: metadata.configuration };
  }

  firstIndex(): number {
    return this.#log().entries.first;
  }

  lastIndex(): number {
    return this.#log().entries.last;
  }

  term(index: number): number {
    const log = this.#log();
    return log.termOf(index) ?? this.#outside(log, index);
  }

  snapshot(): SnapshotMetadata {
    return this.#log().metadata;
  }

  entries(low: number, high: number, maxBytes: number): Entry[] {
    const log = this.#log();
    const { first, last } = log.entries;
    if (low >= high) return [];
    if (low < first) return this.#outside(log, low);
    if (high > last + 1) return this.#outside(log, high - 1);
    let end = low + 1;
    let bytes = log.entries.dataBytes(low);
    while (end < high) {
      bytes += log.entries.dataBytes(end);
      if (bytes > maxBytes) break;
      end += 1;
    }
    const cachedFrom = this.#cache.first(log.group) ?? end;
    if (cachedFrom <= low) return this.#cache.slice(log.group, low, end);
    const fromDisk = readEntries(log, low, Math.min(end, cachedFrom));
    return cachedFrom < end ? fromDisk.concat(this.#cache.slice(log.group, cachedFrom, end)) : fromDisk;
  }

  #outside(log: GroupLog, index: number): never {
    const { first, last } = log.entries;
    const range = first > last ? "the log is empty" : `the log holds ${first} to ${last}`;
    if (index < first) {
      throw new RaftError("COMPACTED", `entry ${index} of group ${log.group} is gone; ${range}`);
    }
    throw new RaftError(
      "UNAVAILABLE",
      `entry ${index} of group ${log.group} is not durable here yet; ${range}`,
    );
  }
}

/**
 * Entries in `[low, high)`, from the disk.
 * @throws RaftError `CORRUPT` when one does not match its checksum.
 */
export function readEntries(log: GroupLog, low: number, high: number): Entry[] {
  const result: Entry[] = [];
  for (let index = low; index < high;) {
    const end = endOfNeighbours(log, index, high);
    readNeighbours(log, index, end, result);
    index = end;
  }
  return result;
}

/** Where the run of entries ends that lie side by side in one segment, beginning with `low`. */
function endOfNeighbours(log: GroupLog, low: number, high: number): number {
  const { entries } = log;
  const segment = entries.segment(low);
  const start = entries.offset(low);
  let offset = start + entryHeaderBytes + entries.dataBytes(low);
  let end = low + 1;
  while (end < high && entries.offset(end) === offset && entries.segment(end) === segment) {
    offset += entryHeaderBytes + entries.dataBytes(end);
    if (offset - start > maxReadBytes) break;
    end += 1;
  }
  return end;
}

function readNeighbours(log: GroupLog, low: number, high: number, result: Entry[]): void {
  const { entries, group } = log;
  const segment = entries.segment(low);
  const start = entries.offset(low);
  const bytes = new Uint8Array(
    entries.offset(high - 1) + entryHeaderBytes + entries.dataBytes(high - 1) - start,
  );
  const count = segment?.file.read(bytes, start) ?? 0;
  for (let index = low; index < high; index++) {
    const at = entries.offset(index) - start;
    const entry = decodeEntry(bytes.subarray(0, count), at, { group, index });
    // The length and the term are known from memory: bytes that are intact and say otherwise are in the wrong place.
    if (entry?.term !== entries.term(index) || entry.data.length !== entries.dataBytes(index)) {
      throw new RaftError(
        "CORRUPT",
        `entry ${index} of group ${group} is damaged in ${segment?.path ?? "no segment"} at byte ${start + at}; ` +
          "replace this replica: remove it from the group and add a new one",
      );
    }
    result.push(entry);
  }
}
