/** A record that rots on one replica's disk is found, healed from another replica, and counted; nothing else is touched. */
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ClusterProcesses } from "./support/cluster-processes.ts";

const kv = "titan.kv.v1.KvService";

/** Flips one bit in every copy of `needle` in a node's data files; returns how many there were. */
async function damage(directory: string, needle: string): Promise<number> {
  let found = 0;
  for (const name of await readdir(directory, { recursive: true })) {
    if (!name.includes("shard-") || !name.endsWith(".data")) continue;
    const path = join(directory, name);
    const bytes = await readFile(path);
    for (let at = bytes.indexOf(needle); at >= 0; at = bytes.indexOf(needle, at + 1)) {
      bytes[at]! ^= 0x01;
      found += 1;
    }
    await writeFile(path, bytes, { flag: "r+" });
  }
  return found;
}

test("a damaged record is never returned: it is fetched from another replica and written again", async () => {
  await using cluster = await ClusterProcesses.start(3);
  const value = "a value that is easy to find on the disk";
  const put = await cluster.call(1, `${kv}/Put`, { key: "victim", text: value });
  expect(put.status).toBe(200);
  const origin = put.body["origin"] as { node: number };
  for (const node of [1, 2, 3]) {
    const read = { level: "READ_LEVEL_AT_LEAST", minRevision: "1" };
    expect((await cluster.call(node, `${kv}/Get`, { key: "victim", read })).body["text"]).toBe(value);
  }
  // Once on a follower, once on the leader, which has to ask a follower.
  for (const node of [[1, 2, 3].find((id) => id !== origin.node)!, origin.node]) {
    expect(await damage(cluster.handle(node).settings.directory, value)).toBeGreaterThan(0);
    const local = await cluster.call(node, `${kv}/Get`, {
      key: "victim",
      read: { level: "READ_LEVEL_LOCAL" },
    });
    expect(local.body).toMatchObject({ found: true, text: value, keyRevision: "1" });
    await expect
      .poll(() => cluster.handle(node).log)
      .toContain("a damaged record was fetched from another replica");
    const again = await cluster.call(node, `${kv}/Get`, { key: "victim" });
    expect(again.body).toMatchObject({ found: true, text: value, keyRevision: "1" });
  }
});

test("a deleted key stays deleted, whatever lies damaged on a disk", async () => {
  await using cluster = await ClusterProcesses.start(3);
  const value = "a value that was deleted";
  await cluster.call(1, `${kv}/Put`, { key: "gone", text: value });
  await cluster.call(1, `${kv}/Delete`, { key: "gone" });
  for (const node of [1, 2, 3]) await damage(cluster.handle(node).settings.directory, value);
  for (const node of [1, 2, 3]) {
    expect((await cluster.call(node, `${kv}/Get`, { key: "gone" })).body["found"]).toBeUndefined();
    await cluster.stopNode(node);
    await cluster.startNode(node);
    await cluster.ready();
  }
  for (const node of [1, 2, 3]) {
    const read = { level: "READ_LEVEL_LOCAL" };
    expect((await cluster.call(node, `${kv}/Get`, { key: "gone", read })).body["found"]).toBeUndefined();
  }
});
