/**
 * Faults of a node's disk. Calls of the process are made to fail or to take long by `strace`, which changes what the kernel
 * answers; only calls that write files are touched, sockets use others. A disk is filled for real, on a small file system.
 */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { promisify } from "node:util";
import type { NodeHandle } from "../cluster/fault-cluster.ts";
import { type FaultKind, pickLabels, type PlannedFault, victims } from "./fault.ts";

const run = promisify(execFile);
const writingCalls = "pwrite64,pwritev,fdatasync,fsync";

/** What `strace` is told, and how that is called. */
const injections = [
  { words: "writes fail with EIO", inject: `${writingCalls}:error=EIO`, mayEnd: true },
  { words: "syncs fail with EIO", inject: "fdatasync,fsync:error=EIO", mayEnd: true },
  { words: "writes fail with ENOSPC", inject: "pwrite64,pwritev:error=ENOSPC", mayEnd: true },
  { words: "each write takes 50 ms", inject: `${writingCalls}:delay_exit=50000`, mayEnd: false },
  { words: "each write takes 1500 ms", inject: `${writingCalls}:delay_exit=1500000`, mayEnd: false },
] as const;

async function straceMissing(): Promise<string | undefined> {
  // Attaching to a process that is no child of ours needs root, or a system that is configured for it.
  if (process.getuid?.() !== 0) return "attaching strace to a process needs root";
  try {
    await run("strace", ["-V"]);
    return undefined;
  } catch {
    return "the program strace is not installed";
  }
}

/** Attached to a process until told to let go. */
async function attach(pid: number, inject: string): Promise<ChildProcess> {
  const traced = inject.slice(0, inject.indexOf(":"));
  const words = ["-f", "-q", "-o", "/dev/null", "-p", String(pid), "-e", `trace=${traced}`];
  const child = spawn("strace", [...words, "-e", `inject=${inject}`], { stdio: "ignore" });
  await new Promise<void>((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", reject);
  });
  return child;
}

async function detach(strace: ChildProcess): Promise<void> {
  if (strace.exitCode !== null || strace.signalCode !== null) return;
  const ended = new Promise((resolve) => strace.once("exit", resolve));
  strace.kill("SIGTERM");
  await ended;
}

export const disk: FaultKind = {
  name: "disk",
  lane: "process",
  impossible: straceMissing,
  plan(random, nodes): PlannedFault {
    const labels = pickLabels(random, nodes, 1);
    const { words, inject, mayEnd } = random.pick(injections);
    let victim: NodeHandle | undefined;
    let strace: ChildProcess | undefined;
    return {
      words: `on ${labels.join()} ${words}`,
      async begin(cluster) {
        [victim] = victims(cluster, labels);
        const pid = victim?.child?.pid;
        if (victim === undefined || pid === undefined) return;
        victim.mayEnd ||= mayEnd;
        strace = await attach(pid, inject);
      },
      async end(cluster) {
        if (strace === undefined || victim === undefined) return;
        await detach(strace);
        if (!mayEnd || !victim.isWanted) return;
        // As an operator does: a node whose disk has failed once is started anew.
        await cluster.kill(victim.label);
        await cluster.startNode(victim.label);
      },
    };
  },
};

export const diskFull: FaultKind = {
  name: "disk-full",
  lane: "process",
  impossible: async ({ smallDisk }) =>
    smallDisk === undefined ? "a small file system for one node needs root" : undefined,
  plan(random): PlannedFault {
    const isFull = random.fraction() < 0.5;
    let victim: NodeHandle | undefined;
    return {
      words: isFull ? "a disk is filled to the last byte" : "a disk is filled up to the reserve",
      async begin(cluster) {
        victim = cluster.handle(cluster.smallDisk?.node ?? 0);
        victim.mayEnd ||= isFull;
        await cluster.smallDisk?.fill(isFull ? 0 : 64 * 1024 * 1024);
      },
      async end(cluster) {
        await cluster.smallDisk?.free();
        if (!isFull || victim?.isWanted !== true) return;
        await cluster.kill(victim.label);
        await cluster.startNode(victim.label);
      },
    };
  },
};
