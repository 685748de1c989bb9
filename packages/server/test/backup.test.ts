/** Backups of real clusters, and what comes of them in clusters of other sizes. */
import { expect, test } from "vitest";
import { readSnapshot } from "../src/maintenance/snapshot-reader.ts";
import { revisionGap } from "../src/maintenance/restore-snapshot.ts";
import { ClusterProcesses } from "./support/cluster-processes.ts";
import { MaintenanceClient } from "./support/maintenance-client.ts";

async function* once(file: Uint8Array): AsyncGenerator<Uint8Array> {
  yield file;
}

/** What a snapshot holds, in the form of `MaintenanceClient.content`. */
async function contentOfFile(file: Uint8Array): Promise<Map<string, string>> {
  const content = new Map<string, string>();
  for await (const part of readSnapshot(once(file))) {
    if (part.type !== "records") continue;
    for (const { key, value, revision, expiresAtMs } of part.records) {
      content.set(Buffer.from(key).toString(), `${Buffer.from(value).toString()} ${revision} ${expiresAtMs}`);
    }
  }
  return new Map([...content].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

test("a backup under load has everything acknowledged before, and comes back whole on 1, 3 and 5 nodes", async () => {
  let file: Buffer;
  let before: Map<string, string>;
  {
    await using cluster = await ClusterProcesses.start(3);
    using client = new MaintenanceClient(cluster, 1);
    await client.fill(0, 3000);
    await client.kv.put({ key: "with-ttl", payload: { case: "text", value: "v" }, ttlMs: 3_600_000n });
    await client.kv.delete({ key: "key-7" });
    before = await client.content();
    const load = client.fill(10_000, 2000);
    using other = new MaintenanceClient(cluster, 2);
    file = await other.save();
    await load;
  }
  const saved = await contentOfFile(file);
  for (const [key, entry] of before) expect(saved.get(key)).toBe(entry);
  expect(saved.has("key-7")).toBe(false);
  const revisions = [...saved.values()].map((entry) => Number(entry.split(" ").at(-2)));
  const newest = Math.max(...revisions);
  for (const nodes of [1, 3, 5]) {
    await using cluster = await ClusterProcesses.start(nodes);
    using client = new MaintenanceClient(cluster, nodes);
    const answer = await client.restore(file);
    expect(answer.keys).toBe(BigInt(saved.size));
    expect(answer.revision).toBeGreaterThanOrEqual(BigInt(newest + revisionGap));
    expect(await client.content()).toEqual(saved);
    // It is a cluster like any other, in which no revision means what it meant before.
    const { result } = await client.kv.put({ key: "key-1", payload: { case: "text", value: "new" } });
    expect(result!.keyRevision).toBeGreaterThan(answer.revision);
    await expect(client.restore(file)).rejects.toThrow(/the cluster holds data/);
    await expect(client.restore(file, { restart: true })).rejects.toThrow(/the cluster holds data/);
    expect((await client.content()).size).toBe(saved.size);
    await cluster.ready();
  }
});
