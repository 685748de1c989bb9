/**
 * The kernel refuses to write the log of one node. The node must not go on as if nothing had happened: after a failed sync
 * nobody knows what is on the disk. It says so and ends, the others go on, and a new process finds out what is there.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "vitest";
import { ClusterProcesses } from "./support/cluster-processes.ts";

const kv = "titan.kv.v1.KvService";
/** Attaching to a process that is not its child needs root, or a system that is configured for it. */
const canAttach =
  process.getuid?.() === 0 && spawnSync("strace", ["-f", "-e", "trace=none", "true"]).status === 0;

/** The process may not write to files any more; sockets use other calls. */
async function refuseWrites(pid: number): Promise<ChildProcess> {
  const calls = "pwrite64,pwritev,fdatasync,fsync";
  const fault = ["-e", `trace=${calls}`, "-e", `inject=${calls}:error=EIO`];
  const strace = spawn("strace", ["-f", "-q", "-o", "/dev/null", "-p", String(pid), ...fault]);
  await once(strace, "spawn");
  return strace;
}

test.skipIf(!canAttach)(
  "a node whose log cannot be written ends and says why; what was acknowledged is there, on it too",
  async () => {
    await using cluster = await ClusterProcesses.start(3);
    const acknowledged = new Map<string, string>();
    const victim = 3;
    const putAt = async (node: number, key: string): Promise<void> => {
      const answer = await cluster
        .call(node, `${kv}/Put`, { key, text: `value of ${key}` })
        .catch(() => undefined);
      if (answer?.status === 200) acknowledged.set(key, `value of ${key}`);
    };
    for (let count = 0; count < 30; count += 1) await putAt(1 + (count % 3), `before-${count}`);

    const { child } = cluster.handle(victim);
    const ended = once(child!, "exit");
    let said = "";
    child!.stdout!.on("data", (chunk: Buffer) => (said += chunk.toString()));
    const strace = await refuseWrites(child!.pid!);
    for (let count = 0; child!.exitCode === null && count < 200; count += 1)
      await putAt(1 + (count % 3), `while-${count}`);
    const [code] = await ended;
    strace.kill();
    expect(code).toBe(3);
    expect(`${said}${cluster.handle(victim).log}`).toMatch(/FSYNC_FAILED|can no longer be written/u);

    // The shard that the node led gets another leader.
    for (let count = 0; count < 30; count += 1) {
      const key = `after-${count}`;
      await expect
        .poll(async () => putAt(1 + (count % 2), key).then(() => acknowledged.has(key)), { timeout: 20_000 })
        .toBe(true);
    }

    await cluster.startNode(victim);
    await cluster.ready();
    for (const [key, text] of acknowledged) {
      expect((await cluster.call(victim, `${kv}/Get`, { key })).body["text"]).toBe(text);
    }
  },
);
