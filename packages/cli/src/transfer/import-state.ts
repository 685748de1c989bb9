/**
 * How far an import has come, in a small file, so that one that was interrupted can go on.
 *
 * The file is found again by what is imported, how, and into which cluster. It never says more than is durable in the
 * cluster: what lies after its position may have been written already and is written again, which changes nothing,
 * because a put of the same value is the same put.
 */
import { createHash } from "node:crypto";
import { mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";

/** What a position in a source means something for. */
export interface SourceIdentity {
  /** Absolute path. */
  readonly path: string;
  /** Size, time of change and inode of a file; empty for a directory, whose positions are paths. */
  readonly version: string;
  /** Everything that decides which records come out of it, and where they go. */
  readonly settings: string;
}

/** How far it has come. */
export interface ImportProgress {
  readonly position: string;
  readonly imported: number;
  readonly importedBytes: number;
  readonly rejected: number;
  /** Length of the file of rejects that belongs to this position. */
  readonly rejectsBytes: number;
  readonly sum: string;
}

const format = 1;

type Environment = Readonly<Record<string, string | undefined>>;

/** The file: in `titan-kv/imports` of XDG_STATE_HOME, which is `~/.local/state` by default. */
export function stateFileOf({ path, settings }: SourceIdentity, env: Environment): string {
  const home = env["XDG_STATE_HOME"];
  const base = home !== undefined && home !== "" ? home : join(homedir(), ".local", "state");
  const hash = createHash("sha256").update(`${path}\n${settings}`).digest("hex").slice(0, 24);
  return join(base, "titan-kv", "imports", `${hash}.json`);
}

/** What an earlier import of the same thing has left; `undefined` when there is none, or the source has changed since. */
export async function readProgress(
  file: string,
  identity: SourceIdentity,
): Promise<ImportProgress | undefined> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  try {
    const stored = JSON.parse(text) as ImportProgress & { format: number; version: string };
    return stored.format === format && stored.version === identity.version ? stored : undefined;
  } catch {
    // A state that cannot be read is as good as none: the import begins anew, which is safe.
    return undefined;
  }
}

/** Replaces the file: after a crash there is the old content or the new one, never a mixture. */
export async function writeProgress(
  file: string,
  identity: SourceIdentity,
  progress: ImportProgress,
): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await using handle = await open(`${file}.new`, "w", 0o600);
  await handle.writeFile(`${JSON.stringify({ format, ...identity, ...progress })}\n`);
  // The content must be on disk before its name is, or a power cut could leave an empty file.
  await handle.sync();
  await rename(`${file}.new`, file);
}

/** The import is complete: nothing to go on with. */
export async function removeProgress(file: string): Promise<void> {
  await rm(file, { force: true });
}
