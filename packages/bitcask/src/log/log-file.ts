import { decodeBatchEnd } from "../format/batch-end.ts";
import { recordTypes, type RecordCursor } from "../format/record.ts";
import type { DataFile } from "./data-file.ts";
import type { HintWriter } from "./hint-writer.ts";

/** A file of the log that is, or was until lately, being appended to. */
export class LogFile {
  readonly file: DataFile;
  readonly hint: HintWriter;
  /** Everything below is in the keydir, and so in the hint. */
  appliedTo: number;
  /** End of the zeros written ahead. */
  preallocatedTo = 0;

  constructor(file: DataFile, hint: HintWriter) {
    this.file = file;
    this.hint = hint;
    this.appliedTo = file.size;
  }

  /** Notes in the hint what opening the store must know of a record. */
  note(record: RecordCursor, offset: number): void {
    noteInHint(this.hint, record, offset);
  }
}

/** One rule for every writer of hints: log, recovery and merge. */
export function noteInHint(hint: HintWriter, record: RecordCursor, offset: number): void {
  if (record.type === recordTypes.batchEnd) {
    const meta = decodeBatchEnd(record.value)?.meta;
    if (meta) hint.addMeta({ seq: record.seq, bytes: meta });
  } else if (record.type !== recordTypes.mark) hint.add(record, offset);
}
