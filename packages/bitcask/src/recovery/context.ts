import { BitcaskError } from "../errors.ts";
import type { EventHub } from "../events.ts";
import { decodeBatchEnd } from "../format/batch-end.ts";
import { recordTypes, type RecordCursor } from "../format/record.ts";
import type { DataFile } from "../log/data-file.ts";
import type { FileTable } from "../log/file-table.ts";
import type { Manifest } from "../manifest/manifest.ts";
import type { LiveState } from "../state/live-state.ts";
import type { StateLoader } from "../state/state-loader.ts";
import type { ScanResult } from "./record-scan.ts";

/** What every step of opening a store works on. */
export interface RecoveryContext {
  readonly table: FileTable;
  readonly manifest: Manifest;
  readonly state: LiveState;
  readonly loader: StateLoader;
  readonly events: EventHub;
  readonly readOnly: boolean;
}

/** Loads one record found by reading a data file; the same rule for sealed files and for the tail. */
export function loadScanned(
  context: RecoveryContext,
  record: RecordCursor,
  place: { file: DataFile; offset: number; olderMayFollow: boolean },
): void {
  if (record.type === recordTypes.mark) return;
  if (record.type === recordTypes.batchEnd) {
    const meta = decodeBatchEnd(record.value)?.meta;
    if (meta) context.state.noteMeta({ seq: record.seq, bytes: meta });
  }
  context.loader.load(record, place.file, place);
}

/** Damage where everything was durable: never to be taken for a torn end. */
export function damagedRecord(file: DataFile, result: ScanResult): BitcaskError {
  return new BitcaskError(
    "CORRUPT",
    `${file.name} is damaged at byte ${result.troubleAt}, in a part that was durable. Nothing has been changed; ` +
      "`bitcask verify` lists all damage, `bitcask repair` keeps everything that is still readable.",
    { file: file.name, offset: result.troubleAt },
  );
}
