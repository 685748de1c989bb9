/**
 * Random operations against random faults. Each run is made from a seed that is printed when it fails; run one again with
 *
 *     TITAN_CLIENT_SEED=123 vitest run --project scenario packages/client/test/random-faults
 *
 * and more of them with TITAN_CLIENT_RUNS=1000.
 */
import { Reason } from "@titan-kv/proto";
import { OperationKind } from "@titan-kv/proto/pipeline";
import { describe, expect, it } from "vitest";
import { TitanError, type TitanClient } from "../src/index.ts";
import { FakeCluster } from "./support/fake-cluster.ts";
import { type FakeVerdict, notApplied, type SeenOperation, unknownOutcome } from "./support/fake-node.ts";

const runs = Number(process.env["TITAN_CLIENT_RUNS"] ?? 12);
const firstSeed = Number(process.env["TITAN_CLIENT_SEED"] ?? Math.floor(Math.random() * 1e9));

/** A small generator of numbers in [0, 1), the same for the same seed. */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** What became of one call. */
interface Outcome {
  settled: number;
  result: "acknowledged" | "not-applied" | "unknown" | undefined;
}

function isAmbiguous({ verdict }: { verdict: FakeVerdict }): boolean {
  return verdict.act === "drop" || verdict.act === "apply-and-fail";
}

type Client = TitanClient<string | Uint8Array, Uint8Array>;

class RandomRun {
  readonly #random: () => number;
  readonly #cluster: FakeCluster;
  readonly #atMostOnce: boolean;
  /** By the value that a write wrote, which no other write does. */
  readonly #writes = new Map<string, Outcome>();
  /** Attempts of each write that reached a node, and what it was told. */
  readonly #attempts = new Map<string, { seen: SeenOperation; verdict: FakeVerdict }[]>();
  /** The value written at each position of each session. */
  readonly #positions = new Map<string, string>();
  readonly problems: string[] = [];
  #faultRate = 0.1;

  constructor(cluster: FakeCluster, random: () => number, atMostOnce: boolean) {
    this.#cluster = cluster;
    this.#random = random;
    this.#atMostOnce = atMostOnce;
    cluster.script((operation) => this.#verdict(operation));
    cluster.shards.onIdentity = (identity) => {
      this.#checkAcknowledged(Buffer.from(identity.session).toString("hex"), identity.acknowledgedBelow);
    };
  }

  async run(kv: Client): Promise<void> {
    const disturbances = this.#disturb();
    const callers = 1 + Math.floor(this.#random() * 40);
    await Promise.all(Array.from({ length: callers }, (_, caller) => this.#caller(kv, caller)));
    this.#faultRate = 0;
    await disturbances;
    await kv.close();
    this.#check();
  }

  async #caller(kv: Client, caller: number): Promise<void> {
    for (let count = 0; count < 25; count += 1) {
      const key = `k${Math.floor(this.#random() * 200)}`;
      if (this.#random() < 0.3) await this.#read(kv, key);
      else if (this.#random() < 0.2) {
        const values = Array.from({ length: 5 }, (_, index) => `${caller}.${count}.${index}`);
        await Promise.all(values.map((value) => this.#write(kv, `${key}-${value}`, value)));
      } else await this.#write(kv, key, `${caller}.${count}`);
    }
  }

  async #write(kv: Client, key: string, value: string): Promise<void> {
    const outcome: Outcome = { settled: 0, result: undefined };
    this.#writes.set(value, outcome);
    const timeoutMs = this.#random() < 0.1 ? 1 + this.#random() * 30 : 8000;
    const signal = this.#random() < 0.05 ? AbortSignal.timeout(Math.floor(this.#random() * 20)) : undefined;
    await kv.put(key, value, { timeoutMs, signal }).then(
      ({ applied }) => {
        outcome.settled += 1;
        outcome.result = "acknowledged";
        if (!applied) this.problems.push(`${value} was acknowledged and not applied`);
      },
      (error: unknown) => {
        outcome.settled += 1;
        if (!(error instanceof TitanError)) this.problems.push(`${value} failed with ${String(error)}`);
        else outcome.result = error.outcome === "UNKNOWN" ? "unknown" : "not-applied";
      },
    );
  }

  async #read(kv: Client, key: string): Promise<void> {
    await kv.get(key).catch((error: unknown) => {
      if (!(error instanceof TitanError) || error.outcome !== "NOT_APPLIED") {
        this.problems.push(`a read failed with ${String(error)}`);
      }
    });
  }

  #verdict(operation: SeenOperation): FakeVerdict {
    const verdict = this.#randomVerdict();
    if (operation.kind !== OperationKind.Put) return verdict;
    const attempts = this.#attempts.get(operation.value) ?? [];
    attempts.push({ seen: operation, verdict });
    this.#attempts.set(operation.value, attempts);
    if (operation.seq > 0) {
      const position = `${operation.session}:${operation.seq}`;
      const known = this.#positions.get(position);
      if (known !== undefined && known !== operation.value) this.problems.push(`${position} was used twice`);
      this.#positions.set(position, operation.value);
    }
    return verdict;
  }

  #randomVerdict(): FakeVerdict {
    if (this.#random() >= this.#faultRate) {
      return this.#random() < 0.1
        ? { act: "serve", delayMs: Math.floor(this.#random() * 10) }
        : { act: "serve" };
    }
    const epoch = BigInt(this.#cluster.shards.epoch);
    const node = 1 + Math.floor(this.#random() * this.#cluster.nodes.length);
    const leader = { node, address: this.#cluster.node(node).address };
    const verdicts: FakeVerdict[] = [
      { act: "fail", info: notApplied(Reason.NOT_LEADER, { leader, epoch }) },
      { act: "fail", info: notApplied(Reason.NOT_LEADER, { retryAfterMs: 5 }) },
      { act: "fail", info: notApplied(Reason.WRONG_SHARD, { epoch }) },
      { act: "fail", info: notApplied(Reason.SLOT_MOVING, { retryAfterMs: 3 }) },
      { act: "fail", info: notApplied(Reason.OVERLOADED, { retryAfterMs: 2 }) },
      { act: "fail", info: notApplied(Reason.UNAVAILABLE) },
      { act: "apply-and-fail", info: unknownOutcome(Reason.LEADER_CHANGED) },
      { act: "apply-and-fail", info: unknownOutcome(Reason.UNAVAILABLE) },
      ...(this.#random() < 0.1
        ? ([
            { act: "drop", apply: false },
            { act: "drop", apply: true },
            { act: "drop", apply: true, half: true },
          ] as const)
        : []),
    ];
    return verdicts[Math.floor(this.#random() * verdicts.length)]!;
  }

  /** Moves leaders and slots, restarts nodes, closes connections. */
  async #disturb(): Promise<void> {
    const { nodes, shards } = this.#cluster;
    for (let count = 0; count < 6; count += 1) {
      await new Promise((resolve) => setTimeout(resolve, this.#random() * 40));
      const node = nodes[Math.floor(this.#random() * nodes.length)]!;
      const [a, b] = [0, 1].map(() => shards.shards[Math.floor(this.#random() * shards.shards.length)]!);
      const choice = this.#random();
      if (choice < 0.3) {
        a!.leader = node.id;
        a!.term += 1;
      } else if (choice < 0.5) node.cut();
      else if (choice < 0.7) node.goAway();
      else if (choice < 0.85 && a !== b) shards.moveAll(a!, b!);
      else {
        await node.stop();
        await new Promise((resolve) => setTimeout(resolve, this.#random() * 20));
        await node.start();
      }
    }
  }

  /** Everything below the acknowledged position must have been settled for its caller. */
  #checkAcknowledged(session: string, below: number): void {
    for (const [position, value] of this.#positions) {
      const [id, seq] = position.split(":");
      if (id === session && Number(seq) < below && this.#writes.get(value)?.settled !== 1) {
        this.problems.push(`${position} was acknowledged before it was answered`);
      }
    }
  }

  #check(): void {
    const applied = new Map<string, number>();
    for (const [name, count] of this.#cluster.shards.applications)
      applied.set(name.slice(name.indexOf("=") + 1), count);
    for (const [value, { settled, result }] of this.#writes) {
      const count = applied.get(value) ?? 0;
      if (settled !== 1) this.problems.push(`${value} was settled ${settled} times`);
      if (count > 1) this.problems.push(`${value} was applied ${count} times`);
      if (result === "acknowledged" && count !== 1)
        this.problems.push(`${value} was acknowledged and applied ${count} times`);
      if (result === "not-applied" && count !== 0)
        this.problems.push(`${value} was reported NOT_APPLIED and applied`);
      const attempts = this.#attempts.get(value) ?? [];
      if (!this.#atMostOnce && attempts.slice(0, -1).some(isAmbiguous)) {
        this.problems.push(`${value} had no identity and was repeated after an attempt of unknown outcome`);
      }
      if (this.#atMostOnce && attempts.some(({ seen }) => seen.seq === 0)) {
        this.problems.push(`${value} was sent without identity`);
      }
    }
    this.problems.push(...this.#cluster.shards.violations);
  }
}

describe("random faults", () => {
  it.each(Array.from({ length: runs }, (_, index) => firstSeed + index))(
    "seed %i: every call settles once, nothing is applied twice, no outcome is a lie",
    async (seed) => {
      const random = randomFrom(seed);
      await using cluster = await FakeCluster.start({ nodes: 3, shards: 1 + Math.floor(random() * 4) });
      for (const node of cluster.nodes) node.forwards = random() < 0.5;
      const atMostOnce = random() < 0.8;
      const kv = await cluster.connect({
        atMostOnce,
        directRouting: random() < 0.8,
        limits: { maxInFlightOperations: random() < 0.3 ? 4 : 4096 },
        timeoutMs: 8000,
      });
      const run = new RandomRun(cluster, random, atMostOnce);
      await run.run(kv);
      expect(run.problems).toEqual([]);
    },
  );
});
