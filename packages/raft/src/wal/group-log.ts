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
  /** The entry before the first one, and its term. */
  through = 0;
  throughTerm = 0;
  /** Whether anything has said where the log begins. */
  #beginningStated = false;
  /** The log as it will be when all that was handed over is durable; what a further write must fit. */
  readonly queued: QueuedLog = { exists: false, removed: false, through: 0, last: 0, batch: 0 };
  #hardStateSegment: Segment | undefined;
  #beginningSegment: Segment | undefined;

  constructor(group: number) {
    this.group = group;
  }

  /**
   * Whether the log is complete. Only while it is replayed may it not be: what was said first, and written first, may
   * have been in a segment that is gone. Then something further on says where the log begins, or drops what is missing.
   */
  get isComplete(): boolean {
    return this.#beginningStated && this.entries.first === this.through + 1;
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
    this.#beginAfter({ through: 0, throughTerm: 0 }, segment);
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
    this.entries.restart(metadata.index + 1);
    this.#beginAfter({ through: metadata.index, throughTerm: metadata.term }, segment);
  }

  /** Drops the entries through an index. Ignored when a newer snapshot came in between. */
  compact(
    compact: { readonly through: number; readonly throughTerm: number; readonly metadata: SnapshotMetadata },
    segment: Segment,
  ): void {
    if (compact.metadata.index < this.metadata.index) return;
    this.metadata = compact.metadata;
    const isEarlier = this.#beginningStated && compact.through < this.through;
    this.#beginAfter(isEarlier ? this : compact, segment);
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
    this.setHardState(state.hardState, segment);
    if (!state.keepsEntries) this.entries.restart(state.through + 1);
    this.#beginAfter(state, segment);
  }

  /** Makes room for entries from `first` on by dropping what is there; returns false when they would leave a gap. */
  makeWayFor(first: number): boolean {
    const { entries } = this;
    if (first < entries.first || first > entries.last + 1) return false;
    entries.dropFrom(first);
    return true;
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

  #beginAfter(place: { readonly through: number; readonly throughTerm: number }, segment: Segment): void {
    this.through = place.through;
    this.throughTerm = place.throughTerm;
    this.#beginningStated = true;
    if (this.entries.last < this.entries.first) this.entries.restart(place.through + 1);
    else this.entries.dropThrough(place.through);
    if (this.#beginningSegment === segment) return;
    if (this.#beginningSegment !== undefined) this.#beginningSegment.references -= 1;
    segment.references += 1;
    this.#beginningSegment = segment;
  }
}
