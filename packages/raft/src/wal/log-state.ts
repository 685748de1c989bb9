import { RaftError } from "../core/raft-error.ts";
import type { LogWrite } from "../host/log-storage.ts";
import type { LogDamage } from "./damage.ts";
import type { EntryCache } from "./entry-cache.ts";
import { entryHeaderBytes } from "./format.ts";
import { GroupLog } from "./group-log.ts";
import type { EntryPosition, LogRecord } from "./record.ts";
import type { Segment } from "./segment.ts";

/** All groups of the log: what is durable, and where it lies. Replay and live writes change it by the same rules. */
export class LogState {
  readonly #groups = new Map<number, GroupLog>();
  /** Removed groups, and the segment that says so: what older segments say of them is void. */
  readonly removed: Map<number, Segment> = new Map<number, Segment>();
  readonly cache: EntryCache;

  constructor(cache: EntryCache) {
    this.cache = cache;
  }

  /** The group's log; an empty one that does not exist yet when it was never written. */
  group(group: number): GroupLog {
    let log = this.#groups.get(group);
    if (log === undefined) {
      log = new GroupLog(group);
      this.#groups.set(group, log);
    }
    return log;
  }

  /** All logs, those that do not exist yet included. */
  all(): Iterable<GroupLog> {
    return this.#groups.values();
  }

  /** A write has become durable. `entriesOffset` is where its first entry begins in the segment. */
  apply(write: LogWrite, segment: Segment, entriesOffset: number): void {
    if (write.remove === true) return this.remove(write.group, segment);
    const log = this.group(write.group);
    if (!log.exists) {
      this.#revive(write.group);
      log.create(segment);
    }
    if (write.snapshot !== undefined) {
      log.install(write.snapshot, segment);
      this.cache.dropGroup(write.group);
    }
    const first = write.entries?.[0];
    if (write.entries !== undefined && first !== undefined) {
      if (!log.makeWayFor(first.index)) {
        throw new RaftError("INVARIANT", `entries of group ${write.group} cannot begin at ${first.index}`);
      }
      let offset = entriesOffset;
      for (const entry of write.entries) {
        log.entries.push(entry.term, entry.data.length, { segment, offset });
        offset += entryHeaderBytes + entry.data.length;
      }
      this.cache.add(write.group, write.entries);
    }
    if (write.compact !== undefined) {
      const { through } = write.compact;
      const throughTerm = log.termOf(through) ?? log.throughTerm;
      log.compact({ ...write.compact, throughTerm }, segment);
      this.cache.dropThrough(write.group, through);
    }
    if (write.hardState !== undefined) log.setHardState(write.hardState, segment);
  }

  /** Repeats a record of an earlier life, and returns a sentence when it contradicts the ones before it. */
  replay(record: LogRecord, segment: Segment): string | undefined {
    if (record.kind === "removed") {
      this.remove(record.group, segment);
      return undefined;
    }
    if (record.kind === "created") this.#revive(record.group);
    if (this.removed.has(record.group)) return `group ${record.group} is written after it was removed`;
    const log = this.group(record.group);
    switch (record.kind) {
      case "created":
        log.create(segment);
        return undefined;
      case "hardState":
        log.setHardState(record.hardState, segment);
        return undefined;
      case "snapshot":
        log.install(record.metadata, segment);
        return undefined;
      case "compact":
        log.exists = true;
        log.compact(record, segment);
        return undefined;
      case "state":
        log.restoreState(record, segment);
        return undefined;
      case "entries":
        replayEntries(log, record, segment);
        return undefined;
      default:
        throw new RaftError("INVARIANT", "a record of an unknown kind was decoded");
    }
  }

  /**
   * The log was read to its end. Returns what is missing from it without any record being damaged, and prepares the
   * groups for new writes.
   */
  finishReplay(): LogDamage[] {
    const damage: LogDamage[] = [];
    for (const log of this.#groups.values()) {
      if (!log.isComplete) {
        const problem = `entries before ${log.entries.first} of group ${log.group} are missing`;
        damage.push({ segment: "", offset: 0, problem, groups: [log.group] });
      }
      log.queued.exists = log.exists;
      log.queued.through = log.through;
      log.queued.last = log.entries.last;
    }
    return damage;
  }

  /** Nothing of this group can be believed. */
  quarantine(group: number, problem: string): void {
    if (!this.removed.has(group)) this.group(group).damage ??= problem;
  }

  /**
   * A removed group begins anew. Segments are freed from the oldest on, so nothing of its former life can be read after
   * the record that removed it is gone.
   */
  #revive(group: number): void {
    const segment = this.removed.get(group);
    if (segment === undefined) return;
    segment.references -= 1;
    this.removed.delete(group);
  }

  /** The group is gone, with all that was said of it. */
  remove(group: number, segment: Segment): void {
    this.#groups.get(group)?.release();
    this.#groups.delete(group);
    this.cache.dropGroup(group);
    const before = this.removed.get(group);
    if (before !== undefined) before.references -= 1;
    this.removed.set(group, segment);
    segment.references += 1;
  }
}

function replayEntries(
  log: GroupLog,
  record: { readonly first: number; readonly entries: readonly EntryPosition[] },
  segment: Segment,
): void {
  // What lies between them and those before was in a segment that is gone: see `GroupLog.isComplete`.
  if (!log.makeWayFor(record.first)) log.entries.restart(record.first);
  for (const { term, dataBytes, offset } of record.entries)
    log.entries.push(term, dataBytes, { segment, offset });
}
