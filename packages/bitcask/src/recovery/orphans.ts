import { BitcaskError } from "../errors.ts";
import { decodeFileHeader, fileHeaderBytes } from "../format/file-header.ts";
import {
  currentName,
  dataFileIdOf,
  hintFileIdOf,
  isTemporary,
  manifestNumberOf,
} from "../format/file-names.ts";
import { readFully } from "../fs/file-system.ts";
import type { FileTable } from "../log/file-table.ts";
import type { Manifest } from "../manifest/manifest.ts";

/**
 * Removes what a crash left behind: outputs of a merge that did not commit, inputs of one that did, a log file that was
 * created but never listed, unfinished hints and manifests.
 *
 * Deleting files because a list does not name them is only as safe as the list. A log file gets its first record after
 * it is durably listed, so an unlisted one that holds anything means that the manifest is damaged, and stops this.
 */
export function removeOrphans(table: FileTable, manifest: Manifest): void {
  const names = table.fs.list(table.directory) ?? [];
  const doomed: string[] = [];
  for (const name of names) {
    const dataId = dataFileIdOf(name);
    const hintId = hintFileIdOf(name);
    const number = manifestNumberOf(name);
    if (dataId !== undefined && !manifest.state.files.has(dataId)) {
      if (dataId >= manifest.state.nextFileId) refuseIfItHoldsRecords(table, name);
      doomed.push(name);
    }
    if (hintId !== undefined && !manifest.state.files.has(hintId)) doomed.push(name);
    if (number !== undefined && number !== manifest.number) doomed.push(name);
    if (isTemporary(name) && name !== currentName) doomed.push(name);
  }
  for (const name of doomed) table.fs.unlink(table.pathOf(name));
  // Or a crash could bring a name back after its id has been given to a new file.
  if (doomed.length > 0) table.fs.syncDirectory(table.directory);
}

function refuseIfItHoldsRecords(table: FileTable, name: string): void {
  const size = table.fs.sizeOf(table.pathOf(name)) ?? 0;
  if (size <= fileHeaderBytes) return;
  const handle = table.fs.open(table.pathOf(name), "read");
  const bytes = Buffer.alloc(fileHeaderBytes);
  try {
    readFully(handle, bytes, { start: 0, length: bytes.length, position: 0 });
  } finally {
    handle.close();
  }
  try {
    if (decodeFileHeader(bytes, { file: name, readOnly: true }).kind === "merged") return;
  } catch (error) {
    // An output of a merge that crashed before its header was durable.
    if (error instanceof BitcaskError && error.code === "CORRUPT") return;
    throw error;
  }
  throw new BitcaskError(
    "CORRUPT_MANIFEST",
    `${name} holds data, but the manifest does not list it. Nothing has been changed; run \`bitcask repair\` on the directory.`,
    { file: name },
  );
}
