import { once } from "node:events";
import { createServer } from "node:net";
import { Reason } from "@titan-kv/proto";
import { describe, expect, it } from "vitest";
import { connect } from "../src/index.ts";
import { collect } from "./support/collect.ts";
import { errorOf } from "./support/error-of.ts";
import { FakeCluster } from "./support/fake-cluster.ts";
import { notApplied } from "./support/fake-node.ts";
import { FreezingProxy } from "./support/freezing-proxy.ts";

/** An address on which nobody listens. */
async function closedAddress(): Promise<string> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return `127.0.0.1:${port}`;
}

/** An address that takes connections and never says a word, as one behind a firewall that swallows everything. */
async function silentAddress(): Promise<{ address: string; [Symbol.asyncDispose](): Promise<void> }> {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    server.once("close", () => socket.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  return {
    address: `127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.close();
      server.emit("close");
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

describe("connecting", () => {
  it("works when only one seed can be reached", async () => {
    await using cluster = await FakeCluster.start({ nodes: 3 });
    await using silent = await silentAddress();
    const kv = await cluster.connect({
      seeds: [await closedAddress(), silent.address, cluster.node(2).address],
    });
    expect(await kv.put("k", "v")).toMatchObject({ applied: true });
  });

  it("takes addresses as people write them", async () => {
    await using cluster = await FakeCluster.start({ nodes: 1 });
    const [, port] = cluster.node(1).address.split(":");
    for (const seeds of [
      `127.0.0.1:${port}`,
      `http://127.0.0.1:${port}`,
      ` 127.0.0.1:${port}/ , 127.0.0.1:${port}`,
      [`localhost:${port}`],
    ]) {
      await using kv = await connect(seeds);
      await kv.put("k", "v");
    }
    for (const seeds of [
      "",
      [],
      "http://",
      "a:b:c",
      "127.0.0.1:1/path",
      "https://a,http://b",
      "u:p@host:1",
    ]) {
      expect(await errorOf(connect(seeds))).toMatchObject({ code: "INVALID_ARGUMENT" });
    }
    await expect(connect([1] as unknown as string[])).rejects.toThrow(TypeError);
  });

  it("fails with the seeds and the reason when there is nobody", async () => {
    const address = await closedAddress();
    const error = await errorOf(connect({ seeds: address, connectTimeoutMs: 150 }));
    expect(error).toMatchObject({ code: "UNAVAILABLE", outcome: "NOT_APPLIED", retryable: true });
    expect(error.message).toContain(address);
    expect(error.message).toContain("ECONNREFUSED");
    await using silent = await silentAddress();
    expect(await errorOf(connect({ seeds: silent.address, connectTimeoutMs: 150 }))).toMatchObject({
      code: "UNAVAILABLE",
    });
  });

  it("waits for a cluster that is starting", async () => {
    await using cluster = await FakeCluster.start({ nodes: 1 });
    await cluster.node(1).stop();
    const connecting = cluster.connect();
    await new Promise((resolve) => setTimeout(resolve, 100));
    await cluster.node(1).start();
    expect(await (await connecting).put("k", "v")).toMatchObject({ applied: true });
  });
});

describe("a client goes on", () => {
  it("when the only node is restarted while nothing is under way", async () => {
    await using cluster = await FakeCluster.start({ nodes: 1 });
    const kv = await cluster.connect();
    const events: string[] = [];
    kv.on("connect", () => events.push("connect"));
    kv.on("disconnect", () => events.push("disconnect"));
    for (let round = 0; round < 3; round += 1) {
      await kv.put("k", `${round}`);
      await cluster.node(1).stop();
      await until(() => events.length === 2 * round + 1);
      await cluster.node(1).start();
    }
    await kv.put("k", "v");
    expect(events.slice(0, 2)).toEqual(["disconnect", "connect"]);
    expect(cluster.node(1).connections).toBe(1);
  });

  it("when nodes are killed and restarted under load, and loses and repeats nothing", async () => {
    await using cluster = await FakeCluster.start({ nodes: 3 });
    for (const node of cluster.nodes) node.forwards = true;
    const kv = await cluster.connect({ timeoutMs: 10_000 });
    const done = new AbortController();
    const writers = Array.from({ length: 16 }, async (_, writer) => {
      for (let count = 0; !done.signal.aborted; count += 1) {
        expect(await kv.put(`w${writer}-${count}`, "v")).toMatchObject({ applied: true, existed: false });
      }
    });
    for (const id of [1, 2, 3, 1]) {
      await new Promise((resolve) => setTimeout(resolve, 60));
      await cluster.node(id).stop();
      await new Promise((resolve) => setTimeout(resolve, 60));
      await cluster.node(id).start();
    }
    done.abort();
    await Promise.all(writers);
    expect(Math.max(...cluster.shards.applications.values())).toBe(1);
  });

  it("when a node says GOAWAY: what is under way is answered, new work takes another connection", async () => {
    await using cluster = await FakeCluster.start({ nodes: 1 });
    const kv = await cluster.connect();
    await kv.put("k", "v");
    cluster.script(() => ({ act: "serve", delayMs: 40 }));
    const retries: unknown[] = [];
    kv.on("retry", (event) => retries.push(event));
    const before = Array.from({ length: 20 }, (_, index) => kv.put(`a${index}`, "v"));
    await until(() => cluster.seen === 21);
    cluster.node(1).goAway();
    // The client has to hear of it.
    await new Promise((resolve) => setTimeout(resolve, 5));
    const after = Array.from({ length: 20 }, (_, index) => kv.put(`b${index}`, "v"));
    await Promise.all([...before, ...after]);
    // Nothing was sent twice, or failed at all.
    expect(cluster.seen).toBe(41);
    expect(retries).toEqual([]);
    expect(cluster.node(1).streams).toBe(2);
  });

  it("when a connection goes silent without closing", async () => {
    await using cluster = await FakeCluster.start({ nodes: 2, shards: 1 });
    const proxy = await FreezingProxy.start(cluster.node(1).address);
    cluster.shards.addresses.set(1, proxy.address);
    for (const node of cluster.nodes) node.forwards = true;
    const kv = await cluster.connect({
      seeds: [proxy.address, cluster.node(2).address],
      keepAlive: { pingIntervalMs: 50, pingTimeoutMs: 100, connectTimeoutMs: 200 },
    });
    const reasons: string[] = [];
    kv.on("disconnect", ({ reason }) => reasons.push(reason));
    await kv.put("k", "1");
    expect(proxy.connections).toBe(1);
    proxy.freeze();
    expect(await kv.put("k", "2")).toMatchObject({ applied: true });
    expect(reasons[0]).toContain("ping");
    await proxy.stop();
  });

  it("when nodes name addresses that cannot be reached from here", async () => {
    await using cluster = await FakeCluster.start({ nodes: 3 });
    await using silent = await silentAddress();
    const addresses = [await closedAddress(), silent.address, await closedAddress()];
    for (const [index, address] of addresses.entries()) cluster.shards.addresses.set(index + 1, address);
    for (const node of cluster.nodes) node.forwards = true;
    // Longer than a call: whoever waits for such a connection fails.
    const keepAlive = { connectTimeoutMs: 60_000 };
    const kv = await cluster.connect({ seeds: cluster.node(1).address, keepAlive });
    await Promise.all(Array.from({ length: 100 }, (_, index) => kv.put(`k${index}`, "v")));
    expect(cluster.node(1).seen).toHaveLength(100);
  });

  it("behind a single address, with any node behind it", async () => {
    await using cluster = await FakeCluster.start({ nodes: 2 });
    for (const node of cluster.nodes) node.forwards = true;
    const proxy = await FreezingProxy.start(cluster.node(1).address);
    const kv = await cluster.connect({ seeds: proxy.address, directRouting: false });
    await Promise.all(Array.from({ length: 50 }, (_, index) => kv.put(`k${index}`, "v")));
    proxy.target = cluster.node(2).address;
    cluster.node(1).cut();
    await Promise.all(Array.from({ length: 50 }, (_, index) => kv.put(`k${index}`, "v")));
    expect(cluster.node(1).seen.length).toBeGreaterThanOrEqual(50);
    expect(cluster.node(2).seen.length).toBeGreaterThanOrEqual(50);
    await kv.close();
    await proxy.stop();
  });

  it("when a scan breaks in the middle, after the last page that it has", async () => {
    await using cluster = await FakeCluster.start({ nodes: 2 });
    const kv = await cluster.connect();
    const keys = Array.from({ length: 300 }, (_, index) => `k${String(index).padStart(3, "0")}`);
    await kv.batch(keys.map((key) => ({ kind: "put" as const, key, value: new Uint8Array(50_000) })));
    const found: string[] = [];
    for await (const { entries } of kv.scan({ prefix: "k", pageSize: 50 }).pages()) {
      found.push(...entries.map(({ key }) => key));
      if (found.length === 100 || found.length === 200) for (const node of cluster.nodes) node.cut();
    }
    expect(found).toEqual(keys);
  });
});

describe("a scan", () => {
  it("goes to another node when the first cannot be reached", async () => {
    await using cluster = await FakeCluster.start({ nodes: 3 });
    const kv = await cluster.connect();
    await kv.put("k", "v");
    for (const id of [1, 2]) await cluster.node(id).stop();
    for (let count = 0; count < 6; count += 1) expect(await collect(kv.scan())).toHaveLength(1);
  });
});

describe("nodes that refuse", () => {
  it("for lack of permission end the call, and say so", async () => {
    await using cluster = await FakeCluster.start({ nodes: 1 });
    const kv = await cluster.connect();
    cluster.node(1).refuseStreams = 16;
    expect(await errorOf(kv.put("k", "v"))).toMatchObject({
      code: "PERMISSION_DENIED",
      outcome: "NOT_APPLIED",
    });
  });

  it("what they should serve are passed over for others", async () => {
    await using cluster = await FakeCluster.start({ nodes: 2, shards: 1 });
    cluster.node(2).forwards = true;
    const kv = await cluster.connect();
    cluster.node(1).script = () => ({ act: "fail", info: notApplied(Reason.UNAVAILABLE) });
    expect(await kv.put("k", "v", { timeoutMs: 2000 })).toMatchObject({ applied: true });
    expect(await kv.get("k", { timeoutMs: 2000 })).toHaveLength(1);
  });

  it("for a while are tried again", async () => {
    await using cluster = await FakeCluster.start({ nodes: 1 });
    const kv = await cluster.connect();
    cluster.node(1).refuseStreams = 14;
    kv.on("retry", () => {
      cluster.node(1).refuseStreams = undefined;
    });
    expect(await kv.put("k", "v")).toMatchObject({ applied: true });
  });
});

describe("a token", () => {
  it("goes with every stream and call, renewed when the client reconnects", async () => {
    await using cluster = await FakeCluster.start({ nodes: 1 });
    let asked = 0;
    const token = (): Promise<string> => {
      asked += 1;
      return Promise.resolve(`t${asked}`);
    };
    const kv = await cluster.connect({ token });
    await kv.put("k", "v");
    cluster.node(1).cut();
    await kv.put("k", "w");
    const sent = cluster.node(1).headers.map(({ authorization }) => authorization);
    expect(sent.length).toBeGreaterThanOrEqual(3);
    expect(new Set(sent).size).toBe(sent.length);
    for (const authorization of sent) expect(authorization).toMatch(/^Bearer t\d+$/);
  });

  it("that cannot be had fails the call with its cause", async () => {
    await using cluster = await FakeCluster.start({ nodes: 1 });
    let isThere = true;
    const cause = new Error("the vault is closed");
    const kv = await cluster.connect({ token: () => (isThere ? "t" : Promise.reject(cause)) });
    isThere = false;
    expect(await errorOf(kv.put("k", "v"))).toMatchObject({ code: "PERMISSION_DENIED", cause });
    isThere = true;
    await kv.put("k", "v");
  });
});

describe("closing", () => {
  it("waits for what is under way, refuses what comes later, and closes every connection", async () => {
    await using cluster = await FakeCluster.start({ nodes: 3 });
    const kv = await cluster.connect();
    cluster.script(() => ({ act: "serve", delayMs: 30 }));
    const underWay = [kv.put("a", "v"), kv.get("b")];
    const closing = kv.close();
    expect(await errorOf(kv.get("c"))).toMatchObject({ code: "CLOSED", outcome: "NOT_APPLIED" });
    await closing;
    await Promise.all(underWay);
    await kv.close();
    await until(() => cluster.nodes.every(({ connections }) => connections === 0));
    expect(() => kv.scan()).not.toThrow();
    await expect(kv.scan()[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: "CLOSED" });
  });

  it("ends what takes too long with CLOSED and what is known", async () => {
    await using cluster = await FakeCluster.start({ nodes: 1 });
    const kv = await cluster.connect({ closeTimeoutMs: 50 });
    cluster.script(() => ({ act: "ignore", apply: true }));
    const write = errorOf(kv.put("k", "v"));
    const read = errorOf(kv.get("k"));
    await until(() => cluster.seen === 2);
    await kv.close();
    expect(await write).toMatchObject({ code: "CLOSED", outcome: "UNKNOWN" });
    expect(await read).toMatchObject({ code: "CLOSED", outcome: "NOT_APPLIED" });
  });
});

describe("hedged reads", () => {
  it("ask a second node when the first is slow, and never write twice", async () => {
    await using cluster = await FakeCluster.start({ nodes: 2, shards: 1 });
    const kv = await cluster.connect({ hedgeReadsAfterMs: 20 });
    await kv.put("k", "v");
    cluster.node(1).script = () => ({ act: "ignore", apply: false });
    expect(await kv.get("k")).toEqual(new TextEncoder().encode("v"));
    expect(cluster.node(2).seen.length).toBeGreaterThanOrEqual(1);
    const writes = errorOf(kv.put("k", "w", { timeoutMs: 60 }));
    expect(await writes).toMatchObject({ code: "DEADLINE_EXCEEDED" });
    expect(cluster.nodes.flatMap(({ seen }) => seen).filter(({ value }) => value === "w")).toHaveLength(1);
  });
});
