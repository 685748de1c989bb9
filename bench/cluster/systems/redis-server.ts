/** One redis that syncs its append-only file before it answers. It is not replicated. */
import { execFile } from "node:child_process";
import { mkdir, rm } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { type ChildProcesses, untimelyEnd } from "../child-processes.ts";
import { freePorts } from "../free-ports.ts";
import { poll } from "../poll.ts";
import { type RunningSystem, startLimitMs } from "./system.ts";

/** The version of redis, or nothing when it is not installed. */
export async function redisVersion(): Promise<string | undefined> {
  try {
    const { stdout } = await promisify(execFile)("redis-server", ["--version"]);
    return /v=(\S+)/.exec(stdout)?.[1];
  } catch {
    return undefined;
  }
}

/** Starts the server and waits until it answers. */
export async function startRedis(processes: ChildProcesses): Promise<RunningSystem> {
  const directory = join(processes.directory, "redis");
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory, { recursive: true });
  const [port = 0] = await freePorts(1);
  const logFile = join(directory, "redis.log");
  const child = processes.start({
    command: "redis-server",
    args: [
      "--bind",
      "127.0.0.1",
      "--port",
      String(port),
      "--dir",
      directory,
      "--appendonly",
      "yes",
      "--appendfsync",
      "always",
      "--save",
      "",
    ],
    logFile,
  });
  const failed = untimelyEnd(child, "redis", logFile);
  failed.catch(() => undefined);
  await Promise.race([failed, poll("redis answers", startLimitMs, () => accepts(port))]);
  return {
    endpoints: [`127.0.0.1:${port}`],
    pids: [child.pid!],
    stop: () => processes.end(child, 0),
  };
}

function accepts(port: number): Promise<true> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", reject);
  });
}
