/** Where the newest record of a key is, and what is known of it without reading it. */
export interface RecordPlace {
  /** Id of the data file; `0 <= fileId < 2^32`. At most 65,535 different files may be referred to at one time. */
  readonly fileId: number;
  /** Byte offset of the record in its file; `0 <= offset < 2^40`. */
  readonly offset: number;
  /** Bytes of the whole record, header included; `0 <= size < 2^32`. */
  readonly size: number;
  /** Sequence number of the write that made the record; `0 <= seq < 2^53`. */
  readonly seq: number;
  /** When the record expires, in milliseconds since the epoch; 0 for never; `< 2^53`. Costs 8 bytes for a key that has one, nothing otherwise. */
  readonly expiresAtMs: number;
}
