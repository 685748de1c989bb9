import http2 from "node:http2";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Code, type ConnectError, createClient } from "@connectrpc/connect";
import { compressionGzip, createGrpcTransport } from "@connectrpc/connect-node";
import * as grpc from "@grpc/grpc-js";
import {
  KvService,
  type PipelineRequest,
  PipelineRequestSchema,
  type PipelineResponse,
  PipelineResponseSchema,
} from "@titan-kv/proto";
import { afterEach, describe, expect, test } from "vitest";
import { ApiError } from "../src/http/api-error.ts";
import type { ClientPort } from "../src/http/client-port.ts";
import { fromConnectError } from "../src/http/error-mapping.ts";
import type { GrpcStream, GrpcStreamHandler } from "../src/http/grpc-stream.ts";
import { defaultPortLimits } from "../src/http/port-limits.ts";
import { kvRoutes, openTestPort, urlOf } from "./edge/test-port.ts";

const path = "/titan.kv.v1.KvService/Pipeline";
let port: ClientPort;
afterEach(() => port.stop(0));

/** What happened on the server, in order. */
let events: string[] = [];

/** Answers each operation with its id; some keys have a meaning. */
function answering(stream: GrpcStream): GrpcStreamHandler {
  events = [];
  if (stream.headers["x-refuse"] !== undefined) {
    throw new ApiError({
      reason: "PERMISSION_DENIED",
      outcome: "NOT_APPLIED",
      message: "keine Erlaubnis für Ü",
    });
  }
  return {
    onMessage(buffer, start, end) {
      const request = fromBinary(PipelineRequestSchema, buffer.subarray(start, end));
      events.push(`message ${request.operations.length}`);
      const key = request.operations[0]?.kind.case === "put" ? request.operations[0].kind.value.key : "";
      if (key === "defect") throw new Error("secret");
      if (key === "stop") stream.end();
      const results = request.operations.map((operation) => ({ id: operation.id }));
      stream.send(toBinary(PipelineResponseSchema, create(PipelineResponseSchema, { results })));
    },
    onEnd() {
      events.push("end");
      stream.end();
    },
    onDrain() {
      events.push("drain");
      stream.end(new ApiError({ reason: "UNAVAILABLE", outcome: "NOT_APPLIED", message: "stopping" }));
    },
    onClose() {
      events.push("close");
    },
  };
}

async function openAnswering(options: Parameters<typeof openTestPort>[0] = {}): Promise<void> {
  port = await openTestPort(options);
  port.registerStream(path, answering);
}

function putOf(id: number, key: string, value = ""): PipelineRequest {
  return create(PipelineRequestSchema, {
    operations: [{ id: BigInt(id), kind: { case: "put", value: { key, payload: { case: "text", value } } } }],
  });
}

async function* growingPuts(count: number): AsyncIterable<PipelineRequest> {
  for (let id = 1; id <= count; id += 1) yield putOf(id, "k", "v".repeat(id * 10));
}

function framed(message: Uint8Array, flag = 0): Buffer {
  const frame = Buffer.alloc(5 + message.length);
  frame[0] = flag;
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, 5);
  return frame;
}

interface RawAnswer {
  readonly body: Buffer;
  readonly headers: http2.IncomingHttpHeaders;
  readonly trailers: http2.IncomingHttpHeaders;
}

/** Sends bytes as one gRPC request and collects the answer. */
async function rawCall(
  pieces: readonly Buffer[],
  headers: http2.OutgoingHttpHeaders = {},
): Promise<RawAnswer> {
  const session = http2.connect(urlOf(port));
  const stream = session.request({
    ":method": "POST",
    ":path": path,
    "content-type": "application/grpc",
    te: "trailers",
    ...headers,
  });
  const body: Buffer[] = [];
  let head: http2.IncomingHttpHeaders = {};
  let trailers: http2.IncomingHttpHeaders = {};
  stream.on("response", (received) => (head = received));
  stream.on("trailers", (received) => (trailers = received));
  stream.on("data", (chunk: Buffer) => body.push(chunk));
  stream.on("error", () => undefined);
  for (const piece of pieces) {
    stream.write(piece);
    // oxlint-disable-next-line no-await-in-loop -- each piece in a frame of its own
    await new Promise((resolve) => setImmediate(resolve));
  }
  stream.end();
  if (!stream.closed) await new Promise((resolve) => stream.once("close", resolve));
  session.close();
  return { body: Buffer.concat(body), headers: head, trailers };
}

function idsIn(body: Buffer): number[] {
  const ids: number[] = [];
  for (let position = 0; position < body.length;) {
    const length = body.readUInt32BE(position + 1);
    const response = fromBinary(PipelineResponseSchema, body.subarray(position + 5, position + 5 + length));
    ids.push(...response.results.map((result) => Number(result.id)));
    position += 5 + length;
  }
  return ids;
}

describe("a registered stream", () => {
  test("speaks with a client of the RPC library, in order, until the client is done", async () => {
    await openAnswering();
    const kv = createClient(KvService, createGrpcTransport({ baseUrl: urlOf(port) }));
    const ids: number[] = [];
    for await (const response of kv.pipeline(growingPuts(300))) {
      ids.push(...response.results.map((result) => Number(result.id)));
    }
    expect(ids).toEqual(Array.from({ length: 300 }, (_, index) => index + 1));
    await expect.poll(() => events.at(-1)).toBe("close");
    expect(events.filter((event) => event === "close")).toHaveLength(1);
    expect(events.at(-2)).toBe("end");
  });

  test("speaks with the client of another maker, which learns the whole error", async () => {
    await openAnswering();
    const PipelineClient = grpc.makeGenericClientConstructor(
      {
        pipeline: {
          path,
          requestStream: true,
          responseStream: true,
          requestSerialize: (message: PipelineRequest) =>
            Buffer.from(toBinary(PipelineRequestSchema, message)),
          requestDeserialize: (bytes: Buffer) => bytes,
          responseSerialize: (bytes: Buffer) => bytes,
          responseDeserialize: (bytes: Buffer) => fromBinary(PipelineResponseSchema, bytes),
        },
      },
      "KvService",
    );
    const client = new PipelineClient(`127.0.0.1:${port.address.port}`, grpc.credentials.createInsecure());
    const call = client["pipeline"]!() as grpc.ClientDuplexStream<PipelineRequest, PipelineResponse>;
    const ids: bigint[] = [];
    call.on("data", (response: PipelineResponse) => ids.push(...response.results.map(({ id }) => id)));
    for (let id = 1; id <= 50; id += 1) call.write(putOf(id, "k", "v".repeat(id * 1000)));
    await expect.poll(() => ids.length).toBe(50);
    const ended = new Promise<grpc.StatusObject>((resolve) => call.on("status", resolve));
    call.on("error", () => undefined);
    call.write(putOf(51, "defect"));
    const status = await ended;
    expect(status).toMatchObject({
      code: grpc.status.INTERNAL,
      details: expect.stringContaining("internal error") as string,
    });
    expect(status.metadata.get("grpc-status-details-bin")).toHaveLength(1);
    client.close();
  });

  test("puts messages together however they are cut", async () => {
    await openAnswering();
    const bytes = Buffer.concat(
      Array.from({ length: 20 }, (_, index) =>
        framed(toBinary(PipelineRequestSchema, putOf(index + 1, "k", "x".repeat(index % 4)))),
      ),
    );
    for (const size of [1, 2, 4, 5, 6, 7, 19, bytes.length]) {
      const pieces = [];
      for (let start = 0; start < bytes.length; start += size)
        pieces.push(bytes.subarray(start, start + size));
      // oxlint-disable-next-line no-await-in-loop -- one stream after the other
      const answer = await rawCall(pieces);
      expect(idsIn(answer.body)).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
      expect(answer.trailers["grpc-status"]).toBe("0");
    }
  });

  test("leaves compressed streams and other protocols to the service", async () => {
    await openAnswering();
    const transport = createGrpcTransport({ baseUrl: urlOf(port), sendCompression: compressionGzip });
    const compressed = createClient(KvService, transport).pipeline(
      (async function* () {
        yield putOf(1, "k");
      })(),
    );
    const failure = await compressed[Symbol.asyncIterator]()
      .next()
      .catch((error: unknown) => error);
    expect((failure as ConnectError).code).toBe(Code.Unimplemented);
    const connect = await rawCall([], { "content-type": "application/connect+proto" });
    expect(connect.headers["content-type"]).toBe("application/connect+proto");
  });

  test("that is refused ends at once with the whole error", async () => {
    await openAnswering();
    const transport = createGrpcTransport({ baseUrl: urlOf(port) });
    const stream = createClient(KvService, transport).pipeline((async function* () {})(), {
      headers: { "x-refuse": "1" },
    });
    const failure = await stream[Symbol.asyncIterator]()
      .next()
      .catch((error: unknown) => error);
    expect(fromConnectError(failure as ConnectError)).toMatchObject({
      reason: "PERMISSION_DENIED",
      outcome: "NOT_APPLIED",
      message: "keine Erlaubnis für Ü",
    });
  });

  test("whose handler throws ends with INTERNAL and gives nothing away", async () => {
    await openAnswering();
    const answer = await rawCall([framed(toBinary(PipelineRequestSchema, putOf(1, "defect")))]);
    expect(answer.trailers["grpc-status"]).toBe(String(Code.Internal));
    expect(JSON.stringify(answer.trailers)).not.toContain("secret");
  });

  test("ends when the server says so, although the client goes on sending", async () => {
    await openAnswering();
    const session = http2.connect(urlOf(port));
    const stream = session.request({
      ":method": "POST",
      ":path": path,
      "content-type": "application/grpc+proto",
    });
    let status: unknown;
    stream.on("trailers", (trailers) => (status = trailers["grpc-status"]));
    stream.on("error", () => undefined);
    stream.resume();
    const closed = new Promise((resolve) => stream.once("close", resolve));
    stream.write(framed(toBinary(PipelineRequestSchema, putOf(1, "stop"))));
    await closed;
    expect(status).toBe("0");
    session.close();
  });
});

describe("a stream is refused", () => {
  test.each([
    ["too large a message", Buffer.from([0, 0, 16, 0, 0, 1]), Code.ResourceExhausted],
    ["a compressed message", framed(Buffer.from([1]), 1), Code.Unimplemented],
    ["a flag that does not exist", framed(Buffer.from([1]), 9), Code.InvalidArgument],
    ["an end inside a message", Buffer.from([0, 0, 0, 0, 9, 1]), Code.InvalidArgument],
  ])("for %s, also when it comes byte by byte", async (_name, bytes, code) => {
    await openAnswering({ limits: { ...defaultPortLimits, maxRequestBytes: 1000 } });
    const single = Array.from(bytes, (byte) => Buffer.from([byte]));
    for (const pieces of [[bytes], single]) {
      // oxlint-disable-next-line no-await-in-loop -- one stream after the other
      const answer = await rawCall(pieces);
      expect(answer.trailers["grpc-status"]).toBe(String(code));
    }
  });

  test("for a timeout that is none, and ended when its time is over", async () => {
    await openAnswering();
    const refused = await rawCall([], { "grpc-timeout": "soon" });
    expect(refused.headers["grpc-status"]).toBe(String(Code.InvalidArgument));
    const session = http2.connect(urlOf(port));
    const stream = session.request({
      ":method": "POST",
      ":path": path,
      "content-type": "application/grpc",
      "grpc-timeout": "50m",
    });
    let status: unknown;
    stream.on("trailers", (trailers) => (status = trailers["grpc-status"]));
    stream.on("error", () => undefined);
    stream.resume();
    await new Promise((resolve) => stream.once("close", resolve));
    expect(status).toBe(String(Code.DeadlineExceeded));
    session.close();
  });
});

describe("a stream under pressure", () => {
  test("is read no further while its client does not listen, and goes on when it does", async () => {
    const answerBytes = 64 * 1024;
    let received = 0;
    let largestBacklog = 0;
    port = await openTestPort({ limits: { ...defaultPortLimits, maxStreamBacklogBytes: 256 * 1024 } });
    port.registerStream(path, (stream) => ({
      onMessage() {
        received += 1;
        stream.send(new Uint8Array(answerBytes));
        largestBacklog = Math.max(largestBacklog, stream.backlogBytes);
      },
      onEnd: () => stream.end(),
      onDrain: () => stream.end(),
      onClose: () => undefined,
    }));
    const session = http2.connect(urlOf(port), { settings: { initialWindowSize: 65_535 } });
    const stream = session.request({ ":method": "POST", ":path": path, "content-type": "application/grpc" });
    const total = 500;
    // Each message takes a frame of its own; the client reads nothing yet.
    for (let sent = 0; sent < total; sent += 1) stream.write(framed(new Uint8Array(8 * 1024)));
    stream.end();
    await new Promise((resolve) => stream.once("response", resolve));
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(received).toBeLessThan(total / 2);
    let bytes = 0;
    stream.on("data", (chunk: Buffer) => (bytes += chunk.length));
    await new Promise((resolve) => stream.once("close", resolve));
    expect(received).toBe(total);
    expect(bytes).toBe(total * (answerBytes + 5));
    // The limit, and the answers to what one read had brought.
    expect(largestBacklog).toBeLessThan(4 * 1024 * 1024);
    session.close();
  });

  test("is told when the port stops, and may answer before it ends", async () => {
    await openAnswering({ routes: kvRoutes() });
    const session = http2.connect(urlOf(port));
    const stream = session.request({ ":method": "POST", ":path": path, "content-type": "application/grpc" });
    let status: unknown;
    stream.on("trailers", (trailers) => (status = trailers["grpc-status"]));
    stream.on("error", () => undefined);
    stream.resume();
    await new Promise((resolve) => stream.once("response", resolve));
    await port.stop(5000);
    expect(status).toBe(String(Code.Unavailable));
    expect(events).toEqual(["drain", "close"]);
    session.destroy();
  });

  test("reset by its client, or cut with its connection, is closed once and harms nobody", async () => {
    await openAnswering();
    for (const cut of ["stream", "session"]) {
      const session = http2.connect(urlOf(port));
      session.on("error", () => undefined);
      const stream = session.request({
        ":method": "POST",
        ":path": path,
        "content-type": "application/grpc",
      });
      stream.on("error", () => undefined);
      stream.resume();
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await new Promise((resolve) => stream.once("response", resolve));
      stream.write(framed(toBinary(PipelineRequestSchema, putOf(1, "k"))));
      if (cut === "stream") stream.close(http2.constants.NGHTTP2_CANCEL);
      else session.destroy();
      // oxlint-disable-next-line no-await-in-loop
      await expect.poll(() => events.filter((event) => event === "close").length).toBe(1);
      session.destroy();
    }
  });
});
