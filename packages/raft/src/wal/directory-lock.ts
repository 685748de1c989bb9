/**
 * One process per log directory.
 *
 * A lock file alone cannot do it: after a crash it is still there, and whoever decides that its owner is dead races
 * with everyone else who decides the same. Node has no flock. On Linux an abstract Unix socket is bound instead, named
 * by the directory's device and inode: the kernel refuses the second binder and releases the name when the owner
 * dies, however it dies. The file `LOCK` is only for people who wonder who it is.
 *
 * Limits: abstract names are per network namespace, so two containers sharing a directory are not kept apart. On other
 * systems the file itself is the lock, and is taken over when the process it names no longer runs.
 */
import * as fs from "node:fs";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { RaftError } from "../core/raft-error.ts";
import type { DirectoryLock } from "./file-system.ts";

const lockFileName = "LOCK";

/**
 * Locks a directory on the machine's file system.
 * @throws RaftError `LOCKED` when another process, or another log of this process, holds it.
 */
export async function lockDirectory(directory: string): Promise<DirectoryLock> {
  const path = join(directory, lockFileName);
  if (process.platform !== "linux") return lockByFile(directory, path);
  const { dev, ino } = fs.statSync(directory, { bigint: true });
  const server = createServer((socket) => socket.destroy());
  await bind(server, `\0titan-kv-log-${dev}-${ino}`, directory, path);
  server.unref();
  fs.writeFileSync(path, `${process.pid}\n`);
  return {
    release: () =>
      new Promise((resolve) => {
        fs.rmSync(path, { force: true });
        server.close(() => resolve());
      }),
  };
}

function bind(server: Server, name: string, directory: string, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      reject(error.code === "EADDRINUSE" ? locked(directory, path, error) : error);
    });
    // Exclusive: a cluster's workers would otherwise share one handle, and so one lock.
    server.listen({ path: name, exclusive: true }, resolve);
  });
}

function lockByFile(directory: string, path: string): DirectoryLock {
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      fs.writeFileSync(path, `${process.pid}\n`, { flag: "wx" });
      return {
        release: () => {
          fs.rmSync(path, { force: true });
          return Promise.resolve();
        },
      };
    } catch (error) {
      if (codeOf(error) !== "EEXIST" || ownerRuns(path)) {
        throw locked(directory, path, error);
      }
      fs.rmSync(path, { force: true });
    }
  }
  throw locked(directory, path, undefined);
}

function ownerRuns(path: string): boolean {
  const owner = ownerOf(path);
  if (owner === undefined) return false;
  try {
    process.kill(owner, 0);
    return true;
  } catch (error) {
    // EPERM: it runs, and belongs to somebody else.
    return codeOf(error) === "EPERM";
  }
}

function ownerOf(path: string): number | undefined {
  try {
    const owner = Number.parseInt(fs.readFileSync(path, "utf8"), 10);
    return Number.isSafeInteger(owner) && owner > 0 ? owner : undefined;
  } catch {
    return undefined;
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}

function locked(directory: string, path: string, cause: unknown): RaftError {
  const owner = ownerOf(path);
  const holder = owner === undefined ? "another process" : `process ${owner}`;
  return new RaftError(
    "LOCKED",
    `the log in ${directory} is open in ${holder}; stop it, or give this node a directory of its own`,
    { cause },
  );
}
