/** The watch of a node over the shards in memory, with faults. */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { ServerHttp2Stream } from "node:http2";
import { WatchEvent_Kind as Kind, WatchRequestSchema, WatchResponseSchema } from "@titan-kv/proto";
import type { FakeShards } from "./fake-shards.ts";

/** What goes wrong with a watch. */
export interface WatchFault {
  /** The node keeps no changes at or below this revision. */
  readonly keptAfter?: number;
  /** The stream ends with this gRPC status after so many messages. */
  readonly endAfter?: { readonly messages: number; readonly status: number };
  /** Nothing is sent after so many messages, and the stream stays open. */
  readonly silentAfter?: number;
}

function end(stream: ServerHttp2Stream, status: number): void {
  stream.on("wantTrailers", () => {
    stream.sendTrailers({ "grpc-status": String(status), "grpc-message": "as scripted" });
  });
  stream.end();
}

/** Answers a request for a watch until the client goes away, or as the fault has it. */
export async function serveWatch(
  stream: ServerHttp2Stream,
  shards: FakeShards,
  fault: WatchFault,
): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  const request = fromBinary(WatchRequestSchema, Buffer.concat(chunks).subarray(5));
  const named = new Map(request.from.map(({ shard, revision }) => [shard, Number(revision)]));
  for (const part of request.resumeToken === "" ? [] : request.resumeToken.split("-")) {
    const [shard, revision] = part.split(".");
    named.set(Number(shard), Number(revision));
  }
  const positions = new Map(shards.shards.map(({ id, revision }) => [id, named.get(id) ?? revision]));
  stream.respond({ ":status": 200, "content-type": "application/grpc+proto" }, { waitForTrailers: true });
  if ([...positions.values()].some((revision) => revision < (fault.keptAfter ?? 0))) {
    end(stream, 11);
    return;
  }
  let messages = 0;
  const send = (shard: number, events: object[]): void => {
    if (stream.destroyed || stream.writableEnded || messages === fault.silentAfter) return;
    const token = [...positions].map(([id, revision]) => `${id}.${revision}`).join("-");
    const progress = { shard, revision: BigInt(positions.get(shard)!) };
    const bytes = toBinary(
      WatchResponseSchema,
      create(WatchResponseSchema, { events, progress, resumeToken: token }),
    );
    const head = Buffer.alloc(5);
    head.writeUInt32BE(bytes.length, 1);
    stream.write(Buffer.concat([head, bytes]));
    messages += 1;
    if (messages === fault.endAfter?.messages) end(stream, fault.endAfter.status);
  };
  const isWanted = (key: string): boolean =>
    request.target.case === "key" ? key === request.target.value : key.startsWith(request.target.value ?? "");
  const tell = (): void => {
    for (const { id, changes } of shards.shards) {
      const after = positions.get(id)!;
      for (const { key, value, revision } of changes) {
        if (revision <= after) continue;
        positions.set(id, revision);
        if (!isWanted(key)) continue;
        const position = { shard: id, revision: BigInt(revision) };
        const payload = value === undefined ? {} : { payload: { case: "value" as const, value } };
        send(id, [{ kind: value === undefined ? Kind.DELETE : Kind.PUT, key, position, ...payload }]);
      }
    }
  };
  for (const { id } of shards.shards) send(id, []);
  tell();
  shards.onChange.add(tell);
  const marks = setInterval(() => {
    for (const { id } of shards.shards) send(id, []);
  }, request.progressIntervalMs);
  stream.on("close", () => {
    clearInterval(marks);
    shards.onChange.delete(tell);
  });
}
