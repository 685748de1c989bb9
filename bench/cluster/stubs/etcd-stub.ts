/**
 * Answers etcd's `Put` and `Range` at once with the same bytes: what remains is the cost of the client. Prints where it
 * listens.
 *
 *     node bench/cluster/stubs/etcd-stub.ts <value bytes>
 */
import { createServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { grpcMessage, rangeResponse } from "../drivers/etcd-messages.ts";
import { keyBytes } from "../key-space.ts";

const value = Buffer.alloc(Number(process.argv[2] ?? 256), "v");
const found = rangeResponse("k".repeat(keyBytes), value);
const written = grpcMessage(Buffer.alloc(0));
const maxStreams = 1024;

const server = createServer({ settings: { maxConcurrentStreams: maxStreams } });
server.on("sessionError", () => undefined);
server.on("session", (session) => session.on("error", () => undefined));
server.on("stream", (stream, headers) => {
  stream.on("error", () => undefined);
  stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
  stream.resume();
  stream.end(headers[":path"] === "/etcdserverpb.KV/Range" ? found : written);
});
server.listen(0, "127.0.0.1", () => {
  process.stdout.write(`127.0.0.1:${(server.address() as AddressInfo).port}\n`);
});
process.once("disconnect", () => process.exit());
