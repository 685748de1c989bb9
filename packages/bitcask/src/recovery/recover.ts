import { BitcaskError } from "../errors.ts";
import { decodeFileHeader, fileHeaderBytes, seedOf } from "../format/file-header.ts";
import { dataName } from "../format/file-names.ts";
import { readFully } from "../fs/file-system.ts";
import { DataFile } from "../log/data-file.ts";
import { HintWriter } from "../log/hint-writer.ts";
import { noteInHint } from "../log/log-file.ts";
import type { ManifestFile } from "../manifest/manifest-state.ts";
import { damagedRecord, loadScanned, type RecoveryContext } from "./context.ts";
import { forEachHintEntry, readHint, type CheckedHint, type HintProblem } from "./hint-load.ts";
import { RecordScan } from "./record-scan.ts";
import { recoverTail } from "./tail.ts";

/** Fills the live state from the files that the manifest lists; returns the last sequence number in use. */
export async function recover(context: RecoveryContext): Promise<number> {
  const { table, manifest, state, loader } = context;
  const listed = [...manifest.state.files.values()];
  for (const each of listed) table.add(openDataFile(context, each));
  if (manifest.state.meta) state.noteMeta(manifest.state.meta);
  await loadSealedFiles(
    context,
    listed.filter((each) => each.sealed !== undefined),
  );
  const tail = listed.filter((each) => each.sealed === undefined).toSorted((a, b) => a.fileId - b.fileId);
  await recoverTail(
    context,
    tail.map((each) => ({ file: table.require(each.fileId), end: each.end })),
  );
  loader.finish();
  return Math.max(manifest.state.lastSeq, loader.lastSeq, state.meta?.seq ?? 0);
}

/** Checks that the file is the one the manifest means. */
function openDataFile(context: RecoveryContext, listed: ManifestFile): DataFile {
  const { table, manifest } = context;
  const name = dataName(listed.fileId);
  const size = table.fs.sizeOf(table.pathOf(name));
  if (size === undefined) {
    throw new BitcaskError(
      "MISSING_FILE",
      `${name} is listed in the manifest but missing. Restore it, or run \`bitcask repair\`.`,
      {
        file: name,
      },
    );
  }
  const bytes = Buffer.alloc(fileHeaderBytes);
  const handle = table.fs.open(table.pathOf(name), "read");
  try {
    readFully(handle, bytes, { start: 0, length: bytes.length, position: 0 });
  } finally {
    handle.close();
  }
  const header = decodeFileHeader(bytes, { file: name, readOnly: context.readOnly });
  const isMeant =
    header.kind === listed.kind &&
    header.fileId === listed.fileId &&
    Buffer.compare(header.salt, listed.salt) === 0 &&
    Buffer.compare(header.storeId, manifest.storeId) === 0;
  if (!isMeant) {
    throw new BitcaskError("CORRUPT", `${name} is not the file that the manifest lists under that name`, {
      file: name,
      offset: 0,
    });
  }
  if (listed.sealed && size < listed.sealed.size) {
    throw new BitcaskError("CORRUPT", `${name} should have ${listed.sealed.size} bytes but has ${size}`, {
      file: name,
      offset: size,
    });
  }
  const { fileId, kind, salt, sealed } = listed;
  const file = new DataFile({ fileId, kind, salt, seed: seedOf(bytes), size: sealed?.size ?? size });
  if (sealed)
    Object.assign(file, {
      sealed: true,
      records: sealed.records,
      minSeq: sealed.minSeq,
      maxSeq: sealed.maxSeq,
    });
  return file;
}

/** Oldest first, so that few deletions have to be remembered; the next hint is read while one is taken in. */
async function loadSealedFiles(context: RecoveryContext, listed: ManifestFile[]): Promise<void> {
  const files = listed
    .map((each) => context.table.require(each.fileId))
    .toSorted((a, b) => a.minSeq - b.minSeq);
  let upcoming = files.length > 0 ? startReading(context, files[0]!) : undefined;
  for (const [index, file] of files.entries()) {
    const following = files[index + 1];
    // oxlint-disable-next-line eslint/no-await-in-loop -- taken in one after the other, read one ahead
    const hint = await upcoming!;
    upcoming = following ? startReading(context, following) : undefined;
    // Files are in order of minSeq, so the next one tells for all that follow.
    const olderMayFollow = following !== undefined && following.minSeq <= file.maxSeq;
    if (typeof hint === "string") {
      // oxlint-disable-next-line eslint/no-await-in-loop
      await scanSealed(context, file, { olderMayFollow, problem: hint });
    } else takeHint(context, file, { hint, olderMayFollow });
  }
}

function startReading(context: RecoveryContext, file: DataFile): Promise<CheckedHint | HintProblem> {
  return readHint(context.table, file, { storeId: context.manifest.storeId, dataSize: file.size });
}

function takeHint(
  context: RecoveryContext,
  file: DataFile,
  from: { hint: CheckedHint; olderMayFollow: boolean },
): void {
  const { loader, state } = context;
  const { hint, olderMayFollow } = from;
  if (hint.summary.meta) state.noteMeta(hint.summary.meta);
  const at = { offset: 0, olderMayFollow };
  forEachHintEntry(hint, (entry) => {
    at.offset = entry.offset;
    loader.load(entry, file, at);
  });
}

async function scanSealed(
  context: RecoveryContext,
  file: DataFile,
  how: { olderMayFollow: boolean; problem: HintProblem },
): Promise<void> {
  const { table, manifest, events } = context;
  const hint = context.readOnly ? undefined : new HintWriter(table, file, manifest.storeId);
  const scan = new RecordScan(table.handleOf(file), {
    seed: file.seed,
    from: fileHeaderBytes,
    to: file.size,
  });
  const result = await scan.run((record, offset) => {
    loadScanned(context, record, { file, offset, olderMayFollow: how.olderMayFollow });
    if (hint) noteInHint(hint, record, offset);
  });
  if (result.stop !== "end") {
    hint?.abandon();
    throw damagedRecord(file, result);
  }
  await hint?.finish();
  events.emit({ type: "hintRebuilt", fileId: file.fileId, reason: how.problem });
}
