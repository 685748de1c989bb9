import { type BatchOperation, type BatchResult, TitanError, type TitanErrorCode } from "@titan-kv/client";
import { describe, expect, test } from "vitest";
import type { BytesClient } from "../connection/with-client.ts";
import { Chunk } from "./chunk.ts";
import { sendChunk } from "./chunk-sender.ts";

const origin = { shard: 1, epoch: 1, term: 1, revision: 1, node: 1 };
const written: BatchResult<Uint8Array> = {
  kind: "write",
  applied: true,
  revision: 1,
  existed: false,
  previous: undefined,
  origin,
};

function failure(code: TitanErrorCode, outcome: "NOT_APPLIED" | "UNKNOWN"): BatchResult<Uint8Array> {
  return { kind: "error", error: new TitanError(code, `it is ${code}`, { outcome }) };
}

/** A client that answers each attempt at a key as the script says, and writes once the script has ended. */
function scripted(script: Readonly<Record<string, BatchResult<Uint8Array>[]>>): {
  readonly client: BytesClient;
  readonly sent: BatchOperation<string | Uint8Array>[][];
} {
  const sent: BatchOperation<string | Uint8Array>[][] = [];
  const left = new Map(Object.entries(script).map(([key, answers]) => [key, [...answers]]));
  const batch = (
    operations: readonly BatchOperation<string | Uint8Array>[],
  ): Promise<BatchResult<Uint8Array>[]> => {
    sent.push([...operations]);
    return Promise.resolve(operations.map(({ key }) => left.get(key)?.shift() ?? written));
  };
  return { client: { batch } as unknown as BytesClient, sent };
}

function chunkOf(...keys: string[]): Chunk {
  const chunk = new Chunk();
  for (const key of keys) {
    const record = { key, value: Buffer.from(key) };
    chunk.add({ position: key, bytesRead: 1, found: { type: "record", place: `line of ${key}`, record } });
  }
  return chunk;
}

function send(chunk: Chunk, client: BytesClient, patienceMs = 60_000): Promise<void> {
  return sendChunk(chunk, { client, patienceMs, signal: new AbortController().signal });
}

describe("a chunk", () => {
  test("is written again where it may not have been, and only there", async () => {
    const { client, sent } = scripted({
      b: [failure("NOT_LEADER", "NOT_APPLIED"), failure("DEADLINE_EXCEEDED", "UNKNOWN")],
    });
    const chunk = chunkOf("a", "b", "c");
    await send(chunk, client);
    expect(sent.map((operations) => operations.map(({ key }) => key))).toEqual([
      ["a", "b", "c"],
      ["b"],
      ["b"],
    ]);
    expect(chunk).toMatchObject({ imported: 3, rejects: [] });
  });

  test("rejects the record that a node refuses, and keeps the others", async () => {
    const { client } = scripted({ b: [failure("INVALID_ARGUMENT", "NOT_APPLIED")] });
    const chunk = chunkOf("a", "b");
    await send(chunk, client);
    expect(chunk.imported).toBe(1);
    expect(chunk.rejects).toEqual([{ place: "line of b", reason: "it is INVALID_ARGUMENT", text: "b" }]);
  });

  test.each(["NO_SPACE", "PERMISSION_DENIED", "CLOSED"] as const)(
    "is not tried again for %s",
    async (code) => {
      const { client, sent } = scripted({ a: [failure(code, "NOT_APPLIED")] });
      await expect(send(chunkOf("a"), client)).rejects.toThrow(`it is ${code}`);
      expect(sent.length).toBe(1);
    },
  );

  test("is given up when patience is over", async () => {
    const { client } = scripted({
      a: Array.from({ length: 50 }, () => failure("OVERLOADED", "NOT_APPLIED")),
    });
    await expect(send(chunkOf("a"), client, 1)).rejects.toThrow("it is OVERLOADED");
  });

  test("leaves out what has expired, says so, and gives the rest of its time to what has not", async () => {
    const { client, sent } = scripted({});
    const chunk = new Chunk();
    for (const [key, expiresAtMs] of [
      ["gone", 5],
      ["kept", Date.now() + 3_600_000],
    ] as const) {
      const record = { key, value: Buffer.alloc(0), expiresAtMs };
      chunk.add({ position: key, bytesRead: 1, found: { type: "record", place: key, record } });
    }
    await send(chunk, client);
    expect(chunk.rejects).toMatchObject([{ place: "gone", reason: "the record has expired" }]);
    expect(sent[0]).toMatchObject([
      { kind: "put", key: "kept", ttlMs: expect.closeTo(3_600_000, -4) as unknown },
    ]);
  });
});
