import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, createRouterTransport } from "@connectrpc/connect";
import {
  ClusterService,
  ErrorInfoSchema,
  KvService,
  type Operation,
  type OperationResult,
  OperationResultSchema,
  Outcome,
  Reason,
  type WriteIdentity,
} from "@titan-kv/proto";
import { describe, expect, it } from "vitest";
import { textCodec } from "../api/codec.ts";
import { defaultLimits } from "../api/limits.ts";
import { TitanClient } from "../api/titan-client.ts";
import { UnaryEngine } from "./unary-engine.ts";

function apiError(reason: Reason, outcome: Outcome): ConnectError {
  const value = create(ErrorInfoSchema, { reason, outcome });
  return new ConnectError("as scripted", Code.Unavailable, undefined, [{ desc: ErrorInfoSchema, value }]);
}

/** What happens to a call instead of, or after, what it asks for. */
interface Fault {
  readonly apply: boolean;
  readonly error: ConnectError;
}

const lostAnswer: Fault = { apply: true, error: new ConnectError("the network went away", Code.Unavailable) };
const neverArrived: Fault = { apply: false, error: apiError(Reason.NOT_LEADER, Outcome.NOT_APPLIED) };

/** A node behind single calls: a map, sessions, and faults in the order in which calls meet them. */
class UnaryNode {
  readonly values = new Map<string, string>();
  readonly applied: string[] = [];
  readonly identities: WriteIdentity[] = [];
  readonly faults: Fault[] = [];
  /** Faults of operations within batches, by key. */
  readonly batchFaults = new Map<string, Fault>();
  forgetsSessions = false;
  calls = 0;
  readonly #answers = new Map<string, OperationResult>();

  async client(maxAttempts = 100): Promise<TitanClient<string, string>> {
    const transport = createRouterTransport(({ service }) => {
      service(ClusterService, { getTopology: () => ({ topology: { nowMs: 1000n, epoch: 1n } }) });
      service(KvService, {
        get: (request) => {
          this.#meetFault(() => undefined);
          const value = this.values.get(request.key);
          if (value === undefined) return {};
          return { found: true, payload: { case: "value" as const, value: new TextEncoder().encode(value) } };
        },
        put: (request) => {
          const { key, payload, identity } = request;
          const result = this.#write({ case: "put", value: { key, payload } as never }, identity, 0n);
          return { result };
        },
        delete: ({ key, identity }) => ({
          result: this.#write({ case: "delete", value: { key } as never }, identity, 0n),
        }),
        batch: ({ operations, identity }) => {
          this.#note(identity);
          const apply = (): { results: OperationResult[] } => ({
            results: operations.map(({ kind }, index) => this.#batchPart(kind, identity, BigInt(index))),
          });
          const fault = this.#takeFault();
          if (fault === undefined) return apply();
          if (fault.apply) apply();
          throw fault.error;
        },
      });
    });
    const engine = await UnaryEngine.connect({
      transport,
      timeoutMs: 2000,
      connectTimeoutMs: 500,
      maxAttempts,
    });
    return new TitanClient({ engine, codec: textCodec, limits: defaultLimits, consistency: "linearizable" });
  }

  #takeFault(): Fault | undefined {
    this.calls += 1;
    return this.faults.shift();
  }

  #meetFault(apply: () => void): void {
    const fault = this.#takeFault();
    if (fault === undefined) return;
    if (fault.apply) apply();
    throw fault.error;
  }

  #note(identity: WriteIdentity | undefined): void {
    if (identity !== undefined) this.identities.push(identity);
    if (!this.forgetsSessions) return;
    this.forgetsSessions = false;
    throw apiError(Reason.SESSION_EXPIRED, Outcome.UNKNOWN);
  }

  #write(kind: Operation["kind"], identity: WriteIdentity | undefined, offset: bigint) {
    this.#note(identity);
    const apply = () => this.#apply(kind, identity, offset);
    this.#meetFault(apply);
    const { kind: result } = apply();
    if (result.case !== "write") throw new Error("not a write");
    return result.value;
  }

  #batchPart(kind: Operation["kind"], identity: WriteIdentity | undefined, offset: bigint): OperationResult {
    const key = kind.case === "put" || kind.case === "get" ? kind.value.key : "";
    const fault = this.batchFaults.get(key);
    this.batchFaults.delete(key);
    if (fault === undefined || fault.apply) {
      const result = this.#apply(kind, identity, offset);
      if (fault === undefined) return result;
    }
    const info = fault.error.findDetails(ErrorInfoSchema)[0];
    return create(OperationResultSchema, {
      kind: { case: "error", value: { code: fault.error.code, ...(info === undefined ? {} : { info }) } },
    });
  }

  #apply(kind: Operation["kind"], identity: WriteIdentity | undefined, offset: bigint): OperationResult {
    if (kind.case === "get") {
      const value = this.values.get(kind.value.key);
      const payload = { case: "value" as const, value: new TextEncoder().encode(value ?? "") };
      return create(OperationResultSchema, {
        kind: { case: "get", value: { found: value !== undefined, payload } },
      });
    }
    const position = identity === undefined ? "" : `${identity.session.join()}:${identity.seq + offset}`;
    const known = this.#answers.get(position);
    if (known !== undefined && position !== "") return known;
    if (kind.case === "put") {
      const text = String(kind.value.payload.value ?? "");
      this.applied.push(`${kind.value.key}=${text}`);
      this.values.set(kind.value.key, text);
    }
    const result = create(OperationResultSchema, { kind: { case: "write", value: { applied: true } } });
    this.#answers.set(position, result);
    return result;
  }
}

describe("single calls", () => {
  it("are repeated with the same identity, and applied once", async () => {
    const node = new UnaryNode();
    const kv = await node.client();
    node.faults.push(lostAnswer, neverArrived, lostAnswer);
    expect(await kv.put("k", "v")).toMatchObject({ applied: true });
    expect(node.applied).toEqual(["k=v"]);
    expect(node.identities.map(({ seq }) => seq)).toEqual([1n, 1n, 1n, 1n]);
    await kv.put("k", "w");
    expect(node.identities.at(-1)).toMatchObject({
      seq: 2n,
      acknowledgedBelow: 2n,
      openedMs: expect.any(BigInt),
    });
    expect(await kv.get("k")).toBe("w");
  });

  it("end with UNKNOWN when they are given up after an attempt that may have been applied", async () => {
    const node = new UnaryNode();
    const kv = await node.client(2);
    node.faults.push(lostAnswer, neverArrived);
    await expect(kv.put("k", "v")).rejects.toMatchObject({ code: "NOT_LEADER", outcome: "UNKNOWN" });
    node.faults.push(lostAnswer, lostAnswer);
    await expect(kv.get("k")).rejects.toMatchObject({ code: "UNAVAILABLE", outcome: "NOT_APPLIED" });
  });

  it("move to a new session when theirs is forgotten", async () => {
    const node = new UnaryNode();
    const kv = await node.client();
    node.forgetsSessions = true;
    await kv.put("k", "v");
    const [first, second] = node.identities;
    expect(second?.session).not.toEqual(first?.session);
    expect(node.applied).toEqual(["k=v"]);
  });

  it("end when the caller aborts or the client is closed", async () => {
    const node = new UnaryNode();
    const kv = await node.client();
    await expect(kv.put("k", "v", { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: "ABORTED",
    });
    await kv.close();
    await expect(kv.get("k")).rejects.toMatchObject({ code: "CLOSED", outcome: "NOT_APPLIED" });
  });
});

describe("a batch", () => {
  it("is one call; what fails in it is repeated alone, with its own position", async () => {
    const node = new UnaryNode();
    const kv = await node.client();
    node.batchFaults.set("b", { apply: true, error: apiError(Reason.LEADER_CHANGED, Outcome.UNKNOWN) });
    node.batchFaults.set("c", {
      apply: false,
      error: apiError(Reason.INVALID_ARGUMENT, Outcome.NOT_APPLIED),
    });
    node.batchFaults.set("d", { apply: false, error: apiError(Reason.SESSION_EXPIRED, Outcome.UNKNOWN) });
    const results = await kv.batch(
      ["a", "b", "c", "d"].map((key) => ({ kind: "put" as const, key, value: "1" })),
    );
    expect(results).toMatchObject([
      { kind: "write", applied: true },
      { kind: "write", applied: true },
      { kind: "error", error: { code: "INVALID_ARGUMENT", outcome: "NOT_APPLIED" } },
      { kind: "write", applied: true },
    ]);
    expect(node.applied.toSorted()).toEqual(["a=1", "b=1", "d=1"]);
    expect(node.identities.slice(0, 2).map(({ seq }) => seq)).toEqual([1n, 2n]);
    await kv.put("e", "1");
    expect(node.identities.at(-1)?.acknowledgedBelow).toBeGreaterThan(0n);
  });

  it("that is lost is repeated whole, and applied once", async () => {
    const node = new UnaryNode();
    const kv = await node.client();
    node.faults.push(lostAnswer, neverArrived);
    await kv.batch([
      { kind: "put", key: "a", value: "1" },
      { kind: "get", key: "a" },
    ]);
    expect(node.applied).toEqual(["a=1"]);
  });

  it("that cannot be sent tells writes and reads apart", async () => {
    const node = new UnaryNode();
    const kv = await node.client(1);
    node.faults.push(lostAnswer);
    const results = await kv.batch([
      { kind: "put", key: "a", value: "1" },
      { kind: "get", key: "a" },
    ]);
    expect(results).toMatchObject([
      { kind: "error", error: { outcome: "UNKNOWN" } },
      { kind: "error", error: { outcome: "NOT_APPLIED" } },
    ]);
  });

  it("larger than nodes take is sent in parts", async () => {
    const node = new UnaryNode();
    const kv = await node.client();
    const keys = Array.from({ length: 2500 }, (_, index) => `k${index}`);
    await kv.batch(keys.map((key) => ({ kind: "put" as const, key, value: "v" })));
    expect(node.calls).toBe(3);
    expect(await kv.getMany(["k0", "k2499", "none"])).toEqual(["v", "v", undefined]);
  });
});
