import { emptyConfiguration } from "../core/configuration.ts";
import { emptyHardState, type HardState } from "../core/hard-state.ts";
import type { SnapshotMetadata } from "../core/snapshot.ts";
import { EntryIndex } from "./entry-index.ts";
import type { Segment } from "./segment.ts";

const noSnapshot: SnapshotMetadata = { index: 0, term: 0, configuration: emptyConfiguration };

/** What is known of a log at the end of the queue of writes. */
export interface QueuedLog {
  exists: boolean;
  removed: boolean;
  /** The entry before the first one. */
  through: number;
  last: number;
  /** The number of the append that wrote to the group last: one append has one part for a group. */
  batch: number;
}

/** The durable log of one group, as far as it is kept in memory: everything but the entries' data. */
export class GroupLog {
  readonly group: number;
  readonly entries: EntryIndex = new EntryIndex();
  /** Whether the group was created. A reader may be asked for before. */
  exists = false;
  /** Why nothing of this group can be believed; undefined when all is well. */
  damage: string | undefined;
  hardState: HardState = emptyHardState;
  metadata: SnapshotMetadata = noSnapshot;
  /** The term of the entry before the first one. */
  throughTerm = 0;
  /**
   * Whether it is known where the log begins. Only while a log is replayed may it be unknown: the segment that said so
   * first may be gone, and a later one says it again. Until then, entries may seem to be missing.
   */
  beginningKnown = false;
  /** The log as it will be when all that was handed over is durable; what a further write must fit. */
  readonly queued: QueuedLog = { exists: false, removed: false, through: 0, last: 0, batch: 0 };
  #hardStateSegment: Segment | undefined;
  #beginningSegment: Segment | undefined;

  constructor(group: number) {
    this.group = group;
  }

  /** The entry before the first one. */
  get through(): number {
    return this.entries.first - 1;
  }

  /** The term of an entry that is kept, or of the one before the first; undefined for any other index. */
  termOf(index: number): number | undefined {
    if (index === this.through) return this.throughTerm;
    if (index < this.entries.first || index > this.entries.last) return undefined;
    return this.entries.term(index);
  }

  /** Whether anything that `segment` holds is needed, and is not an entry. */
  hasStateIn(segment: Segment): boolean {
    return this.#hardStateSegment === segment || this.#beginningSegment === segment;
  }

  /** The group begins, with an empty log. */
  create(segment: Segment): void {
    this.exists = true;
    this.#begin(segment);
  }

  setHardState(hardState: HardState, segment: Segment): void {
    this.hardState = hardState;
    if (this.#hardStateSegment === segment) return;
    if (this.#hardStateSegment !== undefined) this.#hardStateSegment.references -= 1;
    segment.references += 1;
    this.#hardStateSegment = segment;
  }

  /** A snapshot from the leader replaces the log. */
  install(metadata: SnapshotMetadata, segment: Segment): void {
    this.exists = true;
    this.metadata = metadata;
    this.throughTerm = metadata.term;
    this.entries.restart(metadata.index + 1);
    this.#begin(segment);
  }

  /** Drops the entries through an index. Ignored when a newer snapshot came in between. */
  compact(
    compact: { readonly through: number; readonly throughTerm: number; readonly metadata: SnapshotMetadata },
    segment: Segment,
  ): void {
    if (compact.metadata.index < this.metadata.index) return;
    this.metadata = compact.metadata;
    if (compact.through >= this.through || !this.beginningKnown) this.throughTerm = compact.throughTerm;
    if (this.#dropThrough(compact.through)) this.#begin(segment);
  }

  /** Takes over what an older segment said before it was reused. */
  restoreState(
    state: {
      readonly keepsEntries: boolean;
      readonly through: number;
      readonly throughTerm: number;
      readonly hardState: HardState;
      readonly metadata: SnapshotMetadata;
    },
    segment: Segment,
  ): void {
    this.exists = true;
    this.metadata = state.metadata;
    this.throughTerm = state.throughTerm;
    this.setHardState(state.hardState, segment);
    if (!state.keepsEntries) this.entries.restart(state.through + 1);
    if (this.#dropThrough(state.through)) this.#begin(segment);
  }

  /** Makes room for entries from `first` on by dropping what is there; returns false when they would leave a gap. */
  makeWayFor(first: number): boolean {
    const { entries } = this;
    if (first < entries.first || first > entries.last + 1) return false;
    entries.dropFrom(first);
    return true;
  }

  /**
   * Replayed entries do not follow those before them: what lay between them was in a segment that is gone, which means
   * that a compaction further on drops it. Only if none does is the log damaged.
   */
  skipTo(first: number): void {
    this.entries.restart(first);
    this.beginningKnown = false;
  }

  /** Lets go of every segment. */
  release(): void {
    this.exists = false;
    this.entries.restart(1);
    for (const segment of [this.#hardStateSegment, this.#beginningSegment]) {
      if (segment !== undefined) segment.references -= 1;
    }
    this.#hardStateSegment = undefined;
    this.#beginningSegment = undefined;
  }

  /**
   * Drops entries through an index; returns false when entries behind it are missing. While the beginning is unknown
   * that is no damage yet: a compaction further on may have dropped them too, which is why their segment is gone.
   */
  #dropThrough(index: number): boolean {
    const { entries } = this;
    if (!this.beginningKnown) {
      if (entries.last < entries.first) {
        entries.restart(index + 1);
        return true;
      }
      if (entries.first > index + 1) return false;
    }
    entries.dropThrough(index);
    return true;
  }

  #begin(segment: Segment): void {
    this.beginningKnown = true;
    if (this.#beginningSegment === segment) return;
    if (this.#beginningSegment !== undefined) this.#beginningSegment.references -= 1;
    segment.references += 1;
    this.#beginningSegment = segment;
  }
}
