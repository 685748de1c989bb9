import { once } from "node:events";
import { join } from "node:path";
import type { ChildProcesses } from "../child-processes.ts";
import type { SystemName } from "../contenders.ts";
import type { RunningSystem } from "../systems/system.ts";

const scripts: Readonly<Record<SystemName, string>> = {
  titan: join(import.meta.dirname, "../../../packages/client/test/support/trivial-node.ts"),
  etcd: join(import.meta.dirname, "etcd-stub.ts"),
  redis: join(import.meta.dirname, "redis-stub.ts"),
};

/** Starts a server that looks like a system to its client and does nothing but answer. */
export async function startStub(
  processes: ChildProcesses,
  system: SystemName,
  valueBytes: number,
): Promise<RunningSystem> {
  const child = processes.startScript(scripts[system], [String(valueBytes)]);
  const [line] = (await once(child.stdout!, "data")) as [Buffer];
  return {
    endpoints: [line.toString().trim()],
    pids: [child.pid!],
    stop: () => processes.end(child, 0),
  };
}
