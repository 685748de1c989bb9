/** Changes arrive in order, once, from the revision asked for, on any node; what is gone is said to be gone. */
import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { KvService, WatchEvent_Kind as EventKind, type WatchResponse } from "@titan-kv/proto";
import { expect, test } from "vitest";
import { ClusterProcesses } from "./support/cluster-processes.ts";

function clientOf(
  cluster: ClusterProcesses,
  node: number,
): ReturnType<typeof createClient<typeof KvService>> {
  return createClient(
    KvService,
    createConnectTransport({ baseUrl: `http://${cluster.address(node)}`, httpVersion: "2" }),
  );
}

/** Reads a watch until `count` events have come; returns them and the last token. */
async function take(
  responses: AsyncIterable<WatchResponse>,
  count: number,
): Promise<{ events: string[]; token: string }> {
  const events: string[] = [];
  let token = "";
  for await (const { events: more, resumeToken } of responses) {
    token = resumeToken;
    for (const { kind, key, payload } of more) {
      events.push(
        `${EventKind.PUT === kind ? "put" : EventKind.DELETE === kind ? "delete" : "expire"} ${key} ${payload.case === "value" ? Buffer.from(payload.value).toString() : ""}`.trim(),
      );
    }
    if (events.length >= count) break;
  }
  return { events, token };
}

test("a prefix is followed over all shards, and resumed at another node without a gap", async () => {
  await using cluster = await ClusterProcesses.start(3);
  const [one, two] = [clientOf(cluster, 1), clientOf(cluster, 2)];
  await one.put({ key: "w:before", payload: { case: "text", value: "not seen" } });
  const watch = one.watch({ target: { case: "prefix", value: "w:" } })[Symbol.asyncIterator]();
  const first = await watch.next();
  expect(first.done).toBe(false);
  const rest: AsyncIterable<WatchResponse> = { [Symbol.asyncIterator]: () => watch };
  for (let count = 0; count < 10; count += 1)
    await two.put({ key: `w:${count}`, payload: { case: "text", value: `${count}` } });
  await two.put({ key: "other", payload: { case: "text", value: "not wanted" } });
  await two.delete({ key: "w:3" });
  const { events, token } = await take(rest, 11);
  expect(events.toSorted()).toEqual(
    [...Array.from({ length: 10 }, (_, count) => `put w:${count} ${count}`), "delete w:3"].toSorted(),
  );
  await one.put({ key: "w:later", payload: { case: "text", value: "x" } });
  const resumed = await take(two.watch({ target: { case: "prefix", value: "w:" }, resumeToken: token }), 1);
  expect(resumed.events).toEqual(["put w:later x"]);
});

test("changes of one key come in the order in which they were made, expiry included", async () => {
  await using cluster = await ClusterProcesses.start(1);
  const kv = clientOf(cluster, 1);
  const first = await kv.put({ key: "k", payload: { case: "text", value: "0" } });
  const from = [{ shard: first.origin!.shard, revision: first.origin!.revision }];
  for (let count = 1; count <= 20; count += 1)
    await kv.put({ key: "k", payload: { case: "text", value: `${count}` } });
  await kv.put({ key: "k", payload: { case: "text", value: "last" }, ttlMs: 50n });
  const { events } = await take(kv.watch({ target: { case: "key", value: "k" }, from }), 22);
  expect(events).toEqual([
    ...Array.from({ length: 20 }, (_, at) => `put k ${at + 1}`),
    "put k last",
    "expire k",
  ]);
});

test("a history that is gone, a target that is missing and a wrong token are refused with what to do", async () => {
  await using cluster = await ClusterProcesses.start(1);
  const kv = clientOf(cluster, 1);
  const first = await kv.put({ key: "k", payload: { case: "text", value: "0" } });
  await cluster.stopNode(1);
  await cluster.startNode(1);
  await cluster.ready();
  // The history lives in memory: after a restart nobody knows what came after revision 0.
  const from = [{ shard: first.origin!.shard, revision: 0n }];
  await expect(take(kv.watch({ target: { case: "key", value: "k" }, from }), 1)).rejects.toThrow(
    /out_of_range.*scan/,
  );
  await expect(take(kv.watch({}), 1)).rejects.toThrow(/invalid_argument.*target/);
  await expect(
    take(kv.watch({ target: { case: "prefix", value: "" }, resumeToken: "?" }), 1),
  ).rejects.toThrow(/resume_token/);
});

test("of five nodes one follows a shard that it has no replica of", async () => {
  await using cluster = await ClusterProcesses.start(5);
  const { origin } = await clientOf(cluster, 1).put({ key: "far", payload: { case: "text", value: "0" } });
  const { body } = await cluster.call(1, "titan.cluster.v1.ClusterService/GetTopology", {});
  const { shards } = body["topology"] as { shards: { id?: number; replicas: { node: number }[] }[] };
  const holders = shards.find(({ id }) => id === origin!.shard)!.replicas.map(({ node }) => node);
  const outsider = [1, 2, 3, 4, 5].find((node) => !holders.includes(node))!;
  const responses = clientOf(cluster, outsider).watch({ target: { case: "key", value: "far" } });
  const watch = responses[Symbol.asyncIterator]();
  await watch.next();
  await clientOf(cluster, outsider).put({ key: "far", payload: { case: "text", value: "1" } });
  const { events } = await take({ [Symbol.asyncIterator]: () => watch }, 1);
  expect(events).toEqual(["put far 1"]);
});

test("progress is marked although the shard is busy with changes that are not wanted", async () => {
  await using cluster = await ClusterProcesses.start(1);
  const kv = clientOf(cluster, 1);
  const watch = kv.watch({ target: { case: "prefix", value: "wanted:" }, progressIntervalMs: 300 });
  const stop = new AbortController();
  const writing = (async () => {
    while (!stop.signal.aborted) await kv.put({ key: "other", payload: { case: "text", value: "x" } });
  })();
  const revisions: number[] = [];
  for await (const { events, progress } of watch) {
    expect(events).toEqual([]);
    if (progress!.revision > 0n) revisions.push(Number(progress!.revision));
    if (revisions.length === 3) break;
  }
  stop.abort();
  await writing;
  expect(revisions).toEqual([...new Set(revisions)].toSorted((a, b) => a - b));
});

test("a node without a majority ends its watches, so that their callers can go to another one", async () => {
  await using cluster = await ClusterProcesses.start(3);
  const responses = clientOf(cluster, 1).watch({
    target: { case: "key", value: "k" },
    progressIntervalMs: 500,
  });
  const watch = responses[Symbol.asyncIterator]();
  await watch.next();
  cluster.pause(2);
  cluster.pause(3);
  const rest: AsyncIterable<WatchResponse> = { [Symbol.asyncIterator]: () => watch };
  await expect(take(rest, 1)).rejects.toThrow(/unavailable/);
});
