/**
 * A node that does nothing but answer: the least that any client can be measured against. A process of its own, so that
 * the client's processor time is the client's alone.
 *
 *     node --conditions=@titan-kv/source packages/client/test/support/trivial-node.ts [bytes of every value]
 */
import { create, toBinary } from "@bufbuild/protobuf";
import { createServer, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import { GetTopologyResponseSchema, TopologySchema } from "@titan-kv/proto";
import {
  OperationKind,
  OperationView,
  visitRequest,
  WireWriter,
  writeGetResult,
  writeResponseEpoch,
  writeWriteResult,
} from "@titan-kv/proto/pipeline";

const origin = { shard: 1, epoch: 1, term: 1, revision: 7, node: 1 };
const written = { applied: true, keyRevision: 7, existed: false };
const found = {
  found: true,
  value: new Uint8Array(Number(process.argv[2] ?? 100)),
  keyRevision: 7,
  expiresAtMs: 0,
};

function answerPipeline(stream: ServerHttp2Stream): void {
  stream.respond({ ":status": 200, "content-type": "application/grpc+proto" }, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
  const view = new OperationView();
  const writer = new WireWriter();
  let rest: Buffer = Buffer.alloc(0);
  stream.on("data", (chunk: Buffer) => {
    let buffer = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    while (buffer.length >= 5 && buffer.length >= 5 + buffer.readUInt32BE(1)) {
      const end = 5 + buffer.readUInt32BE(1);
      writer.reserve(5);
      const prefix = writer.position;
      writer.position += 5;
      visitRequest(buffer, 5, end, {
        operation: (bytes, from, to) => {
          view.read(bytes, from, to);
          if (view.kind === OperationKind.Get) writeGetResult(writer, view.id, found, origin);
          else writeWriteResult(writer, view.id, written, origin);
        },
        identity: () => undefined,
        epoch: () => undefined,
      });
      writeResponseEpoch(writer, 1);
      writer.buffer[prefix] = 0;
      writer.buffer.writeUInt32BE(writer.position - prefix - 5, prefix + 1);
      buffer = buffer.subarray(end);
    }
    rest = buffer;
    if (writer.position > 0) stream.write(writer.take());
  });
  stream.on("end", () => stream.end());
}

function answerTopology(stream: ServerHttp2Stream, address: string): void {
  const topology = create(TopologySchema, {
    clusterId: "bench",
    epoch: 1n,
    node: 1,
    nowMs: BigInt(Date.now()),
    nodes: [{ id: 1, address }],
    shards: [{ id: 1, leader: 1, slots: [{ first: 0, last: 16_383 }], replicas: [{ node: 1, replica: 1n }] }],
  });
  const message = toBinary(GetTopologyResponseSchema, create(GetTopologyResponseSchema, { topology }));
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  stream.respond({ ":status": 200, "content-type": "application/grpc+proto" }, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
  stream.resume();
  stream.end(Buffer.concat([prefix, message]));
}

const server = createServer({ settings: { initialWindowSize: 4 * 1024 * 1024 } });
server.on("sessionError", () => undefined);
server.on("session", (session) => session.on("error", () => undefined));
server.on("stream", (stream, headers) => {
  stream.on("error", () => undefined);
  const { port } = server.address() as AddressInfo;
  if (headers[":path"]?.endsWith("/Pipeline") === true) answerPipeline(stream);
  else answerTopology(stream, `127.0.0.1:${port}`);
});
server.listen(0, "127.0.0.1", () => {
  process.stdout.write(`127.0.0.1:${(server.address() as AddressInfo).port}\n`);
});
// Where its parent gave it a channel, it ends with its parent.
process.once("disconnect", () => process.exit());
