/** What an entry of the log carries. The numbers are on disk and on the wire: never reuse one. */
export const EntryType = {
  /** A command of the application, or the empty entry with which a leader begins its term. */
  Normal: 0,
  /** An encoded change of the group's membership. */
  ConfChange: 1,
} as const;
export type EntryType = (typeof EntryType)[keyof typeof EntryType];

/** One entry of a group's log. */
export interface Entry {
  readonly type: EntryType;
  /** The term of the leader that created the entry. */
  readonly term: number;
  /** Position in the log; the first entry of a fresh group is 1. */
  readonly index: number;
  /** Owned by the entry from the moment it is proposed: the caller must not change it afterwards. */
  readonly data: Uint8Array;
}
