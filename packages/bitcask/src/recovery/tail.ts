import { fileHeaderBytes } from "../format/file-header.ts";
import type { ManifestOperation } from "../format/manifest-edit.ts";
import { isBefore, type LogPosition } from "../format/mark.ts";
import { recordTypes } from "../format/record.ts";
import type { DataFile } from "../log/data-file.ts";
import { HintWriter } from "../log/hint-writer.ts";
import { noteInHint } from "../log/log-file.ts";
import { damagedRecord, loadScanned, type RecoveryContext } from "./context.ts";
import { furthestMark } from "./mark-search.ts";
import { quarantine } from "./quarantine.ts";
import { RecordScan, type ScanResult, type ScanStop } from "./record-scan.ts";

/**
 * Reads the moving end of the log: the files that were not sealed when the store was last open.
 *
 * What was not synced may be missing in any pattern: the end, a hole in the middle, a file's later pages but not its
 * earlier ones. The state that is restored must still be one that existed, so the log counts up to its first fault, and
 * everything behind that, in this file and the following ones, is cut off. Unless a mark vouches that the place of the
 * fault was durable: then it is not a torn end but damage, and nothing is cut.
 *
 * Files of the tail are sealed as they are. A session never appends to a file of an earlier one, so no old bytes can lie
 * behind new records.
 */
export async function recoverTail(context: RecoveryContext, files: readonly TailFile[]): Promise<void> {
  const operations: ManifestOperation[] = [];
  for (const [index, { file, end }] of files.entries()) {
    const physicalSize = file.size;
    const hint = context.readOnly ? undefined : new HintWriter(context.table, file, context.manifest.storeId);
    // oxlint-disable-next-line eslint/no-await-in-loop -- the log is one sequence
    const result = await scanTailFile(context, { file, end: end ?? physicalSize }, hint);
    // Without a declared end this is the last file, and only what is found can say where it ends.
    const isWhole = result.stop === "end" && result.offset === (end ?? physicalSize);
    if (!isWhole) {
      // oxlint-disable-next-line eslint/no-await-in-loop
      await refuseIfDurable(context, { files: files.slice(index).map((each) => each.file), result });
    }
    file.size = result.offset;
    if (context.readOnly) file.sealed = true;
    // oxlint-disable-next-line eslint/no-await-in-loop
    else operations.push(...(await settle(context, file, { physicalSize, hint, stop: result.stop })));
    if (isWhole) continue;
    for (const later of files.slice(index + 1)) operations.push(...discard(context, later.file));
    break;
  }
  if (context.readOnly || operations.length === 0) return;
  context.manifest.commit(operations);
  for (const operation of operations) if (operation.op === "remove") removeFile(context, operation.fileId);
}

/** A file of the tail, and where its records end if the log is known to have gone on elsewhere. */
export interface TailFile {
  readonly file: DataFile;
  readonly end: number | undefined;
}

async function scanTailFile(
  context: RecoveryContext,
  range: { file: DataFile; end: number },
  hint: HintWriter | undefined,
): Promise<ScanResult> {
  const { file, end } = range;
  const handle = context.table.handleOf(file);
  const scan = new RecordScan(handle, {
    seed: file.seed,
    from: fileHeaderBytes,
    to: Math.min(end, file.size),
  });
  return scan.run((record, offset) => {
    if (record.type !== recordTypes.mark) file.countRecord(record.seq);
    loadScanned(context, record, { file, offset, olderMayFollow: false });
    if (hint) noteInHint(hint, record, offset);
  });
}

/** Throws if anything behind the fault proves that the place of the fault had been made durable. */
async function refuseIfDurable(
  context: RecoveryContext,
  at: { files: readonly DataFile[]; result: ScanResult },
): Promise<void> {
  const [faulty, ...later] = at.files;
  const fault: LogPosition = { fileId: faulty!.fileId, offset: at.result.troubleAt };
  const searches = [
    { file: faulty!, from: at.result.offset },
    ...later.map((file) => ({ file, from: fileHeaderBytes })),
  ];
  for (const { file, from } of searches) {
    // oxlint-disable-next-line eslint/no-await-in-loop -- stops at the first proof
    const mark = await furthestMark(context.table.handleOf(file), { seed: file.seed, from, to: file.size });
    if (mark && isBefore(fault, mark)) throw damagedRecord(faulty!, at.result);
  }
}

/** Cuts the file to its good part, makes that durable and says so, or removes it if nothing is left. */
async function settle(
  context: RecoveryContext,
  file: DataFile,
  found: { physicalSize: number; hint: HintWriter | undefined; stop: ScanStop },
): Promise<ManifestOperation[]> {
  const { table, events } = context;
  const { physicalSize, hint, stop } = found;
  if (file.size < physicalSize) {
    const cut = physicalSize - file.size;
    const quarantined = quarantine(table, file, { from: file.size, to: physicalSize });
    // Zeros written ahead are not worth a word.
    if (quarantined !== undefined || stop !== "zeros") {
      events.emit({ type: "tailCut", file: file.name, offset: file.size, bytes: cut, quarantined });
    }
  }
  if (file.records === 0) {
    hint?.abandon();
    return [{ op: "remove", fileId: file.fileId }];
  }
  const handle = table.fs.open(table.pathOf(file.name), "write");
  try {
    if (file.size < physicalSize) handle.truncate(file.size);
    // After a crash of the process alone, the records read here may still be only in the page cache.
    handle.sync();
  } finally {
    handle.close();
  }
  await hint?.finish();
  file.sealed = true;
  const { fileId, size, minSeq, maxSeq, records } = file;
  return [{ op: "seal", fileId, size, minSeq, maxSeq, records }];
}

/** A file that lies wholly behind the fault. */
function discard(context: RecoveryContext, file: DataFile): ManifestOperation[] {
  if (context.readOnly) {
    context.table.drop(file);
    return [];
  }
  const quarantined = quarantine(context.table, file, { from: fileHeaderBytes, to: file.size });
  const bytes = file.size - fileHeaderBytes;
  context.events.emit({ type: "tailCut", file: file.name, offset: fileHeaderBytes, bytes, quarantined });
  return [{ op: "remove", fileId: file.fileId }];
}

/** After the manifest has forgotten it. Should this not survive a crash, the next open removes the orphan. */
function removeFile(context: RecoveryContext, fileId: number): void {
  const { table } = context;
  const file = table.get(fileId);
  if (!file) return;
  table.drop(file);
  table.removeNames(file.name);
}
