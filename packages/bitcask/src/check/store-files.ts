import path from "node:path";
import { BitcaskError } from "../errors.ts";
import { decodeFileHeader, fileHeaderBytes, seedOf, type FileHeader } from "../format/file-header.ts";
import { dataFileIdOf } from "../format/file-names.ts";
import { readFully, type FileSystem } from "../fs/file-system.ts";

/** A data file as found in the directory, whatever the manifest says. */
export interface FoundFile {
  readonly name: string;
  readonly fileId: number;
  readonly size: number;
  /** `undefined` when the header is damaged: then its records cannot be checked either. */
  readonly header: FileHeader | undefined;
  readonly seed: number;
}

/** All data files in a directory, in order of their ids. */
export function findDataFiles(fs: FileSystem, directory: string): FoundFile[] {
  const names = fs.list(directory);
  if (!names) throw new BitcaskError("DIRECTORY_MISSING", `there is no directory ${directory}`);
  const found: FoundFile[] = [];
  for (const name of names) {
    const fileId = dataFileIdOf(name);
    if (fileId !== undefined) found.push(inspect(fs, directory, { name, fileId }));
  }
  return found.toSorted((a, b) => a.fileId - b.fileId);
}

function inspect(fs: FileSystem, directory: string, which: { name: string; fileId: number }): FoundFile {
  const { name, fileId } = which;
  const handle = fs.open(path.join(directory, name), "read");
  try {
    const bytes = Buffer.alloc(fileHeaderBytes);
    const size = handle.size();
    readFully(handle, bytes, { start: 0, length: bytes.length, position: 0 });
    try {
      const header = decodeFileHeader(bytes, { file: name, readOnly: true });
      const isData = header.kind === "log" || header.kind === "merged";
      return {
        name,
        fileId,
        size,
        header: isData && header.fileId === fileId ? header : undefined,
        seed: seedOf(bytes),
      };
    } catch (error) {
      if (error instanceof BitcaskError && error.code === "UNSUPPORTED_FORMAT") throw error;
      return { name, fileId, size, header: undefined, seed: 0 };
    }
  } finally {
    handle.close();
  }
}
