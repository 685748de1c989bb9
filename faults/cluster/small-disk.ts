/** A small file system in memory for one node's data, so that a disk can be filled in an instant. Needs root. */
import { execFile } from "node:child_process";
import { mkdir, rm, statfs } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
/** Room for the log's segments and the 256 MiB above which a node takes writes again. */
const diskMib = 768;
const ballast = "ballast";

export class SmallDisk {
  readonly node: number;
  readonly #directory: string;

  private constructor(directory: string, node: number) {
    this.#directory = directory;
    this.node = node;
  }

  static async mount(directory: string, node: number): Promise<SmallDisk> {
    await mkdir(directory, { recursive: true });
    await run("mount", ["-t", "tmpfs", "-o", `size=${diskMib}m`, "titan-faults", directory]);
    return new SmallDisk(directory, node);
  }

  /** Leaves this many bytes free. */
  async fill(leaveBytes: number): Promise<void> {
    const { bavail, bsize } = await statfs(this.#directory);
    const bytes = bavail * bsize - leaveBytes;
    if (bytes > 0) await run("fallocate", ["-l", String(bytes), join(this.#directory, ballast)]);
  }

  async free(): Promise<void> {
    await rm(join(this.#directory, ballast), { force: true });
  }

  async unmount(): Promise<void> {
    await run("umount", ["-l", this.#directory]);
  }
}
