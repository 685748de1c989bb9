/** What a node needs of the machine. */
import { mkdtemp, open, rm, statfs } from "node:fs/promises";
import { createServer } from "node:net";
import { freemem, totalmem } from "node:os";
import { join } from "node:path";
import { byteWords } from "../operations/cluster-words.ts";
import { type Finding, ok, problem, warning } from "./finding.ts";

/** The first release of Node that everything runs on. */
const minimumNode = [22, 12] as const;
const syncs = 40;
const syncBytes = 4096;
/** A write waits for at least one of these on a majority of nodes. */
const slowSyncMs = 20;
const verySlowSyncMs = 100;
const littleDisk = 2 * 1024 ** 3;
const littleMemory = 512 * 1024 ** 2;
const defaultPorts = [4100, 4101, 4102, 4200, 4201, 4202, 4300, 4301, 4302];

/** Whether this Node is new enough. */
export function checkNode(version: string = process.versions.node): Finding {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const isNewEnough = major > minimumNode[0] || (major === minimumNode[0] && minor >= minimumNode[1]);
  return isNewEnough
    ? ok("node", `Node ${version}`)
    : problem("node", `Node ${version} is too old`, `install Node ${minimumNode.join(".")} or newer`);
}

/** How long the disk takes to make a small write durable. */
export async function checkSync(directory: string): Promise<Finding> {
  let scratch: string | undefined;
  try {
    scratch = await mkdtemp(join(directory, ".titan-doctor-"));
    const timesMs = await syncTimes(join(scratch, "sync"));
    const medianMs = timesMs[Math.floor(timesMs.length / 2)]!;
    const highMs = timesMs[Math.floor(timesMs.length * 0.95)]!;
    const message = `a durable write takes ${medianMs.toFixed(2)} ms, 1 in 20 more than ${highMs.toFixed(2)} ms, in ${directory}`;
    if (highMs > verySlowSyncMs) {
      return problem(
        "disk latency",
        message,
        "leaders will change all the time: put the data on another disk",
      );
    }
    return highMs > slowSyncMs
      ? warning(
          "disk latency",
          message,
          "every write waits for this: a disk with power-loss protection is faster",
        )
      : ok("disk latency", message);
  } catch (error) {
    return problem(
      "disk latency",
      `nothing can be written in ${directory}: ${(error as Error).message}`,
      "choose a directory that you may write to, with --dir",
    );
  } finally {
    if (scratch !== undefined) await rm(scratch, { recursive: true, force: true });
  }
}

async function syncTimes(path: string): Promise<number[]> {
  await using file = await open(path, "w");
  const block = Buffer.alloc(syncBytes, 7);
  const timesMs: number[] = [];
  for (let round = 0; round < syncs; round += 1) {
    const startedAtMs = performance.now();
    // oxlint-disable-next-line no-await-in-loop -- one after the other is what is measured
    await file.write(block, 0, syncBytes, round * syncBytes);
    // oxlint-disable-next-line no-await-in-loop
    await file.datasync();
    timesMs.push(performance.now() - startedAtMs);
  }
  return timesMs.toSorted((one, other) => one - other);
}

/** Whether there is room on the disk. */
export async function checkSpace(directory: string): Promise<Finding> {
  try {
    const { bavail, bsize } = await statfs(directory);
    const free = bavail * bsize;
    return free < littleDisk
      ? warning(
          "disk space",
          `${byteWords(free)} free in ${directory}`,
          "a full disk refuses writes: make room",
        )
      : ok("disk space", `${byteWords(free)} free in ${directory}`);
  } catch (error) {
    return warning("disk space", (error as Error).message, "name a directory that exists with --dir");
  }
}

/** Whether there is memory for a node. */
export function checkMemory(): Finding {
  const message = `${byteWords(freemem())} of ${byteWords(totalmem())} free`;
  return freemem() < littleMemory
    ? warning("memory", message, "every node needs some 150 MiB and about 40 bytes plus the key per key")
    : ok("memory", message);
}

/** Whether the ports of a development cluster are free; what listens on them may be one. */
export async function checkPorts(ports: readonly number[] = defaultPorts): Promise<Finding> {
  const taken: number[] = [];
  for (const port of ports) {
    // oxlint-disable-next-line no-await-in-loop -- nine quick looks
    if (!(await isFree(port))) taken.push(port);
  }
  return taken.length === 0
    ? ok("ports", `${ports[0]} to ${ports.at(-1)}, the default ports of \`titan dev\`, are free`)
    : ok(
        "ports",
        `${taken.join(", ")} in use (by a development cluster, if one runs); another can be started with --port`,
      );
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ port, host: "127.0.0.1" }, () => server.close(() => resolve(true)));
  });
}
