/** Three members of etcd with their defaults: every write is synced by a majority before it is acknowledged. */
import { execFile } from "node:child_process";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { type ChildProcesses, untimelyEnd } from "../child-processes.ts";
import { freePorts } from "../free-ports.ts";
import { poll } from "../poll.ts";
import { type RunningSystem, startLimitMs } from "./system.ts";

const memberCount = 3;
/**
 * etcd keeps every version of every key, and refuses writes when it holds 2 GiB of them. The largest that its documentation
 * advises, so that a long run measures puts and not refusals.
 */
const quotaBytes = 8 * 1024 ** 3;

/** The version of etcd, or nothing when it is not installed. */
export async function etcdVersion(): Promise<string | undefined> {
  try {
    const { stdout } = await promisify(execFile)("etcd", ["--version"]);
    return /etcd Version: (\S+)/.exec(stdout)?.[1];
  } catch {
    return undefined;
  }
}

/** Starts the members and waits until they have a leader. */
export async function startEtcd(processes: ChildProcesses): Promise<RunningSystem> {
  const directory = join(processes.directory, "etcd");
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory, { recursive: true });
  const ports = await freePorts(memberCount * 2);
  const members = Array.from({ length: memberCount }, (_none, index) => ({
    name: `member-${index + 1}`,
    client: `http://127.0.0.1:${ports[index * 2]}`,
    peer: `http://127.0.0.1:${ports[index * 2 + 1]}`,
  }));
  const cluster = members.map(({ name, peer }) => `${name}=${peer}`).join(",");
  const children = members.map(({ name, client, peer }) => {
    const logFile = join(directory, `${name}.log`);
    const child = processes.start({
      command: "etcd",
      args: [
        `--name=${name}`,
        `--data-dir=${join(directory, name)}`,
        `--initial-cluster=${cluster}`,
        `--listen-client-urls=${client}`,
        `--advertise-client-urls=${client}`,
        `--listen-peer-urls=${peer}`,
        `--initial-advertise-peer-urls=${peer}`,
        `--quota-backend-bytes=${quotaBytes}`,
        "--logger=zap",
        "--log-level=error",
      ],
      logFile,
    });
    return { child, failed: untimelyEnd(child, name, logFile) };
  });
  for (const each of children) each.failed.catch(() => undefined);
  const failed = Promise.race(children.map((each) => each.failed));
  await Promise.race([failed, Promise.all(members.map(({ client }) => healthy(client)))]);
  return {
    endpoints: members.map(({ client }) => client.slice("http://".length)),
    pids: children.map(({ child }) => child.pid!),
    stop: async () => {
      await Promise.all(children.map(({ child }) => processes.end(child, 0)));
    },
  };
}

async function healthy(client: string): Promise<void> {
  await poll(`${client}: etcd is healthy`, startLimitMs, async () => {
    const answer = (await (await fetch(`${client}/health`)).json()) as { health?: string };
    return answer.health === "true" ? true : undefined;
  });
}
