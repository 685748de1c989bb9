import { describe, expect, it } from "vitest";
import { atLeast, connect, textCodec, type TitanClient } from "../src/index.ts";
import { connect as connectWeb } from "../src/web.ts";
import { collect } from "./support/collect.ts";
import { errorOf } from "./support/error-of.ts";
import { RealCluster } from "./support/real-cluster.ts";

type TextClient = TitanClient<string, string>;

/** Writes under keys of its own until it is stopped; afterwards says which were acknowledged. */
class Writers {
  readonly acknowledged = new Map<string, string>();
  readonly unknown = new Set<string>();
  readonly errors: string[] = [];
  #isStopped = false;
  readonly #done: Promise<unknown>;

  constructor(kv: TextClient, count: number) {
    this.#done = Promise.all(Array.from({ length: count }, (_, writer) => this.#write(kv, writer)));
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#done;
  }

  /** Each writer counts a key up under the condition that nobody else did: a second application would be seen. */
  async #write(kv: TextClient, writer: number): Promise<void> {
    const key = `writer-${writer}`;
    let revision = 0;
    for (let count = 1; !this.#isStopped; count += 1) {
      try {
        const result = await kv.put(key, `${count}`, { ifRevision: revision, timeoutMs: 15_000 });
        if (!result.applied) {
          this.errors.push(`${key}: revision ${result.revision} instead of ${revision}`);
          return;
        }
        revision = result.revision;
        this.acknowledged.set(key, `${count}`);
      } catch (error) {
        this.errors.push(`${key}: ${String(error)}`);
        return;
      }
    }
  }
}

function breathe(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs));
}

describe("with real nodes", () => {
  it("everything works as the interface says", async () => {
    await using cluster = await RealCluster.start(3);
    await using kv = await connect({ seeds: cluster.seeds, codec: textCodec });
    const keys = Array.from({ length: 500 }, (_, index) => `k${String(index).padStart(3, "0")}`);
    const written = await kv.batch(keys.map((key) => ({ kind: "put" as const, key, value: `v of ${key}` })));
    expect(written.every(({ kind }) => kind === "write")).toBe(true);
    expect(await kv.getMany(keys)).toEqual(keys.map((key) => `v of ${key}`));
    const put = await kv.put("k000", "new", { returnPrevious: true });
    expect(put).toMatchObject({ applied: true, existed: true, previous: "v of k000" });
    expect(await kv.get("k000", { consistency: atLeast(put) })).toBe("new");
    expect(await kv.get("k000", { consistency: "local" })).toBeTypeOf("string");
    expect(await kv.put("k000", "x", { ifRevision: 1 })).toMatchObject({
      applied: false,
      revision: put.revision,
    });
    const txn = await kv
      .txn()
      .ifRevision("{t}:a", 0)
      .put("{t}:a", "1")
      .get("{t}:a")
      .otherwise()
      .get("{t}:a")
      .commit();
    expect(txn).toMatchObject({ succeeded: true, results: [{ applied: true }, { entry: { value: "1" } }] });
    expect(
      await errorOf(kv.txn().put("a", "1").put("b", "2").put("c", "3").put("d", "4").commit()),
    ).toMatchObject({
      code: "CROSS_SHARD",
      outcome: "NOT_APPLIED",
    });
    const scanned = await collect(kv.scan({ prefix: "k", pageSize: 100 }));
    expect(scanned.map(({ key }) => key)).toEqual(keys);
    await kv.put("short", "lived", { ttlMs: 50 });
    expect((await kv.getEntry("short"))?.expiresAtMs).toBeGreaterThan(0);
    // Expiry follows the time in the shard's log, which moves with its writes.
    do {
      await breathe(20);
      await kv.put("{short}:tick", "");
    } while (await kv.has("short"));

    await using web = await connectWeb({ baseUrl: `http://${cluster.seeds[1]}`, codec: textCodec });
    expect(await web.get("k001")).toBe("v of k001");
    expect(await web.put("k001", "by web", { returnPrevious: true })).toMatchObject({
      previous: "v of k001",
    });
    expect(await web.getMany(["k001", "absent"])).toEqual(["by web", undefined]);
    expect((await web.txn().ifValue("k001", "by web").delete("k001").commit()).succeeded).toBe(true);
    expect(await collect(web.scan({ prefix: "k00", keysOnly: true }))).toHaveLength(9);
    expect(await errorOf(web.put("k", "x".repeat(2_000_000)))).toMatchObject({ code: "INVALID_ARGUMENT" });
  });

  it("nodes are killed, stopped and paused under load; nothing acknowledged is lost, nothing applied twice", async () => {
    await using cluster = await RealCluster.start(3);
    const kv = await connect({ seeds: cluster.seeds, codec: textCodec });
    const writers = new Writers(kv, 32);
    await breathe(500);
    await cluster.kill(1);
    await breathe(1500);
    await cluster.startNode(1);
    await cluster.ready();
    await cluster.kill(2, "SIGTERM");
    await breathe(1000);
    await cluster.startNode(2);
    await cluster.ready();
    cluster.pause(3);
    await breathe(4000);
    cluster.resume(3);
    await breathe(1000);
    await writers.stop();
    expect(writers.errors).toEqual([]);
    expect(writers.acknowledged.size).toBe(32);
    for (const [key, value] of writers.acknowledged) expect(await kv.get(key)).toBe(value);
    await kv.close();
  });
});
