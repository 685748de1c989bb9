import type { EntryType } from "../core/entry.ts";
import type { HardState } from "../core/hard-state.ts";
import type { SnapshotMetadata } from "../core/snapshot.ts";

/** One entry of a record, without its data. */
export interface EntryPosition {
  readonly type: EntryType;
  readonly term: number;
  /** Where the entry's header begins, counted from the start of the segment. */
  readonly offset: number;
  /** Length of the data behind the header. */
  readonly dataBytes: number;
}

/** A record of a batch, decoded. */
export type LogRecord =
  | { readonly kind: "created"; readonly group: number }
  | { readonly kind: "removed"; readonly group: number }
  | { readonly kind: "hardState"; readonly group: number; readonly hardState: HardState }
  | {
      readonly kind: "entries";
      readonly group: number;
      readonly first: number;
      readonly entries: readonly EntryPosition[];
    }
  | { readonly kind: "snapshot"; readonly group: number; readonly metadata: SnapshotMetadata }
  | {
      readonly kind: "compact";
      readonly group: number;
      /** The last entry dropped, and its term. */
      readonly through: number;
      readonly throughTerm: number;
      readonly metadata: SnapshotMetadata;
    }
  | {
      readonly kind: "state";
      /** Whether the entries behind `through` stay where they are; else they are written again behind this record. */
      readonly keepsEntries: boolean;
      readonly group: number;
      /** The entry before the first one that is kept, and its term. */
      readonly through: number;
      readonly throughTerm: number;
      readonly hardState: HardState;
      readonly metadata: SnapshotMetadata;
    };
