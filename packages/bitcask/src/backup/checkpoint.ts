import path from "node:path";
import { BitcaskError, systemCodeOf, wrapSystemError } from "../errors.ts";
import { dataName, hintName } from "../format/file-names.ts";
import { readFullyAsync, writeFully, type FileSystem } from "../fs/file-system.ts";
import { scanChunkBytes } from "../limits.ts";
import { Manifest } from "../manifest/manifest.ts";
import { ManifestState } from "../manifest/manifest-state.ts";
import { sealWritten, type Store } from "../store.ts";

/**
 * A complete store in another directory, of a state not older than the call, while writes go on.
 *
 * Full files never change, so a second name for each is a copy of it: the work is per file, not per byte. The file being
 * written is ended first, so that it is one of them. On another device, where there are no second names, bytes are copied.
 */
export async function makeCheckpoint(
  store: Store,
  target: string,
): Promise<{ files: number; bytes: number }> {
  const { table, state } = store;
  const { fs } = table;
  if ((fs.list(target)?.length ?? 0) > 0) {
    throw new BitcaskError("NOT_EMPTY", `${target} is not empty; a checkpoint needs a directory of its own`);
  }
  await sealWritten(store);
  // A merge may finish meanwhile; it must not take away the files that are being copied.
  const release = state.retirement.hold();
  try {
    fs.makeDirectory(target);
    const listed = sealedFiles(store);
    for (const { fileId } of listed.files.values()) {
      for (const name of [dataName(fileId), hintName(fileId)]) {
        if (fs.sizeOf(table.pathOf(name)) === undefined) continue;
        // oxlint-disable-next-line eslint/no-await-in-loop -- only waits when bytes have to be copied
        await linkOrCopy(fs, table.pathOf(name), path.join(target, name));
      }
    }
    // Syncs the directory before it writes CURRENT, so a checkpoint that can be opened has all its files.
    Manifest.create(fs, target, { storeId: store.manifest.storeId, state: listed }).close();
    fs.syncDirectory(path.dirname(path.resolve(target)));
    let bytes = 0;
    for (const { sealed } of listed.files.values()) bytes += sealed?.size ?? 0;
    return { files: listed.files.size, bytes };
  } catch (error) {
    throw wrapSystemError(error, `making a checkpoint in ${target}`);
  } finally {
    release();
  }
}

/** Full files are sealed in the order of the log, so together they are a state that existed. */
function sealedFiles(store: Store): ManifestState {
  const listed = new ManifestState();
  for (const operation of store.manifest.state.toOperations()) listed.apply(operation);
  for (const file of store.manifest.state.files.values()) if (!file.sealed) listed.files.delete(file.fileId);
  return listed;
}

async function linkOrCopy(fs: FileSystem, from: string, to: string): Promise<void> {
  try {
    fs.link(from, to);
  } catch (error) {
    if (!["EXDEV", "EPERM", "ENOTSUP", "EMLINK"].includes(systemCodeOf(error) ?? "")) throw error;
    await copyFile(fs, from, to);
  }
}

async function copyFile(fs: FileSystem, from: string, to: string): Promise<void> {
  const source = fs.open(from, "read");
  try {
    const copy = fs.create(to);
    try {
      const bytes = Buffer.allocUnsafe(scanChunkBytes);
      for (let position = 0; ;) {
        // oxlint-disable-next-line eslint/no-await-in-loop -- reading a file from front to back
        const read = await readFullyAsync(source, bytes, { start: 0, length: bytes.length, position });
        if (read === 0) break;
        writeFully(copy, bytes, { start: 0, end: read, position });
        position += read;
      }
      // The new store's manifest will call this file durable.
      await copy.syncAsync();
    } finally {
      copy.close();
    }
  } finally {
    source.close();
  }
}
