import fs from "node:fs";
import net from "node:net";
import path from "node:path";
import { BitcaskError, systemCodeOf } from "../errors.ts";
import type { DirectoryLock } from "./file-system.ts";

/**
 * One writer per directory, with a lock that cannot go stale.
 *
 * Node has no flock. A lock that is "a file with a pid in it" outlives a crash, and after a reboot or in a container
 * the same pid may be somebody else, so every implementation of that kind has refused to start or, worse, let two
 * writers in. The lock here is something the kernel itself gives back when the process ends:
 *
 * - Linux: a socket bound to an abstract name made of the directory's device and inode. A second bind fails.
 * - macOS and Windows: the LOCK file opened with an exclusive-lock flag.
 *
 * The LOCK file also says who holds it, for people; nobody decides by its content. Abstract names belong to a network
 * namespace: two containers that share a volume but not a network do not see each other's lock. The README says so.
 */
export async function lockDirectory(directory: string): Promise<DirectoryLock> {
  const file = path.join(directory, lockFileName);
  const held =
    process.platform === "linux" ? await bindAbstractSocket(directory, file) : openExclusively(file);
  try {
    fs.writeFileSync(file, `${JSON.stringify(describeOwner())}\n`);
  } catch (error) {
    await held.release();
    throw error;
  }
  return held;
}

export const lockFileName = "LOCK";

async function bindAbstractSocket(directory: string, file: string): Promise<DirectoryLock> {
  const { dev, ino } = fs.statSync(directory, { bigint: true });
  const server = net.createServer((socket) => socket.destroy());
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      // Exclusive: workers of a cluster would otherwise share one listening socket, and with it the lock.
      server.listen({ path: `\0titan-kv-bitcask:${dev}:${ino}`, exclusive: true }, resolve);
    });
  } catch (error) {
    if (systemCodeOf(error) === "EADDRINUSE") throw lockedError(file, error);
    throw error;
  }
  // The lock must not be the reason why a process that is otherwise finished stays alive.
  server.unref();
  return { release: () => new Promise((resolve) => server.close(() => resolve())) };
}

/** O_EXLOCK where Node does not name it: BSD's value on macOS, libuv's on Windows. */
const exclusiveLockFlag: number = process.platform === "win32" ? 0x10000000 : 0x20;

function openExclusively(file: string): DirectoryLock {
  let fd: number;
  try {
    const { O_RDWR, O_CREAT, O_NONBLOCK } = fs.constants;
    fd = fs.openSync(file, O_RDWR | O_CREAT | (O_NONBLOCK ?? 0) | exclusiveLockFlag, 0o644);
  } catch (error) {
    if (["EAGAIN", "EWOULDBLOCK", "EBUSY"].includes(systemCodeOf(error) ?? ""))
      throw lockedError(file, error);
    throw error;
  }
  return {
    release() {
      fs.closeSync(fd);
      return Promise.resolve();
    },
  };
}

function lockedError(file: string, cause: unknown): BitcaskError {
  let owner = "another process";
  try {
    owner = fs.readFileSync(file, "utf8").trim() || owner;
  } catch {
    // Its holder may not have written it yet; the lock itself is what counts.
  }
  return new BitcaskError(
    "LOCKED",
    `the store is open for writing by ${owner}. Close it there first, or open it here with { readOnly: true }.`,
    { file: lockFileName, cause },
  );
}

/** Pid, start time and boot id together name one process even after the pid was given to another. */
function describeOwner(): Record<string, unknown> {
  const owner: Record<string, unknown> = { pid: process.pid, since: new Date().toISOString() };
  if (process.platform !== "linux") return owner;
  try {
    owner["bootId"] = fs.readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    // Field 22 of stat, counted after the command name, which may itself contain spaces.
    owner["startTicks"] = fs.readFileSync("/proc/self/stat", "utf8").split(") ").at(-1)?.split(" ")[19];
  } catch {
    // A system without /proc: the pid has to do.
  }
  return owner;
}
