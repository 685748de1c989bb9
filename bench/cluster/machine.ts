/** On what the figures were measured: without it they mean nothing. */
import { fdatasyncSync, closeSync, openSync, readFileSync, rmSync, statfsSync, writeSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { join } from "node:path";
import { Latencies } from "./latencies.ts";

export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly memoryGib: number;
  readonly kernel: string;
  readonly node: string;
  readonly etcd: string | undefined;
  readonly redis: string | undefined;
  /** Type of the file system that holds the data. */
  readonly fileSystem: string;
  /** Appending 256 bytes to a file and syncing it, one after the other. */
  readonly fdatasync: { readonly p50Ms: number; readonly p99Ms: number };
}

const syncCount = 200;
const syncBytes = 256;

/** Appends and syncs, as every log here does. */
function measureFdatasync(directory: string): Machine["fdatasync"] {
  const path = join(directory, "fdatasync-probe");
  const file = openSync(path, "w");
  const latencies = new Latencies();
  const bytes = Buffer.alloc(syncBytes, 1);
  for (let index = 0; index < syncCount; index += 1) {
    const startMs = performance.now();
    writeSync(file, bytes);
    fdatasyncSync(file);
    latencies.add(performance.now() - startMs);
  }
  closeSync(file);
  rmSync(path);
  const [p50Ms = 0, p99Ms = 0] = latencies.percentiles([0.5, 0.99]);
  return { p50Ms, p99Ms };
}

/** The type of the mount that holds a path: the longest mount point that is a beginning of it. */
export function fileSystemIn(mounts: string, path: string): string | undefined {
  let best: { point: string; type: string } | undefined;
  for (const line of mounts.split("\n")) {
    const [, point, type] = line.split(" ");
    if (point === undefined || type === undefined) continue;
    const holds = path === point || path.startsWith(point.endsWith("/") ? point : `${point}/`);
    if (holds && point.length >= (best?.point.length ?? 0)) best = { point, type };
  }
  return best?.type;
}

function fileSystemOf(directory: string): string {
  try {
    return fileSystemIn(readFileSync("/proc/mounts", "utf8"), directory) ?? "unknown";
  } catch {
    return `type 0x${statfsSync(directory).type.toString(16)}`;
  }
}

/** Looks at this machine. `directory` is on the disk that is measured. */
export function describeMachine(
  directory: string,
  versions: { readonly etcd: string | undefined; readonly redis: string | undefined },
): Machine {
  const processors = cpus();
  return {
    processor: processors[0]?.model ?? "unknown",
    cores: processors.length,
    memoryGib: Math.round(totalmem() / 1024 ** 3),
    kernel: release(),
    node: process.version,
    ...versions,
    fileSystem: fileSystemOf(directory),
    fdatasync: measureFdatasync(directory),
  };
}

/** The same in one line. */
export function machineLine(machine: Machine): string {
  const { fdatasync } = machine;
  return [
    `${machine.cores} × ${machine.processor}`,
    `${machine.memoryGib} GiB`,
    `Linux ${machine.kernel}`,
    machine.fileSystem,
    `append + fdatasync of ${syncBytes} B: p50 ${fdatasync.p50Ms.toFixed(2)} ms, p99 ${fdatasync.p99Ms.toFixed(2)} ms`,
    `Node.js ${machine.node}`,
    `etcd ${machine.etcd ?? "not installed"}`,
    `redis ${machine.redis ?? "not installed"}`,
  ].join("; ");
}
