/**
 * Clients that do not keep to any rule. The ports may cut them; they must not fall, and must go on serving others.
 *
 * Replay one run with TITAN_SEED=<seed> vitest run packages/server/test/edge-torture.test.ts; TITAN_CONNECTIONS=5000 makes
 * it longer.
 */
import http2 from "node:http2";
import net from "node:net";
import fc from "fast-check";
import { afterEach, expect, test } from "vitest";
import type { ClientPort } from "../src/http/client-port.ts";
import { encodeHello } from "../src/peer/hello.ts";
import { encodeFrame, FrameKind, preamble } from "../src/peer/peer-frame.ts";
import { TestNode } from "./edge/test-peers.ts";
import { openTestPort, urlOf } from "./edge/test-port.ts";

const seed = Number(process.env["TITAN_SEED"] ?? Date.now() % 1_000_000_000);
const path = "/titan.kv.v1.KvService/Pipeline";
const connections = Number(process.env["TITAN_CONNECTIONS"] ?? 150);
const connectionsAtOnce = 150;
let port: ClientPort | undefined;
let node: TestNode | undefined;
const uncaught: unknown[] = [];
const onUncaught = (error: unknown): void => void uncaught.push(error instanceof Error ? error.stack : error);

afterEach(async () => {
  process.off("uncaughtException", onUncaught);
  process.off("unhandledRejection", onUncaught);
  await port?.stop(0);
  await node?.stop();
  port = undefined;
  node = undefined;
});

function watchForCrashes(): void {
  uncaught.length = 0;
  process.on("uncaughtException", onUncaught);
  process.on("unhandledRejection", onUncaught);
}

/** Sends bytes, waits a moment, and hangs up, politely or not. */
function throwAt(portNumber: number, bytes: Buffer, rude: boolean): Promise<void> {
  return new Promise((resolve) => {
    const socket = net.connect(portNumber, "127.0.0.1");
    socket.on("error", () => undefined);
    socket.on("close", () => resolve());
    socket.resume();
    socket.write(bytes, () => {
      setTimeout(() => (rude ? socket.resetAndDestroy() : socket.destroy()), 10);
    });
  });
}

async function throwAllAt(
  portNumber: number,
  clients: readonly (readonly [Buffer, boolean])[],
): Promise<void> {
  for (let first = 0; first < clients.length; first += connectionsAtOnce) {
    const some = clients.slice(first, first + connectionsAtOnce);
    // oxlint-disable-next-line no-await-in-loop -- not more at once than there are file descriptors
    await Promise.all(some.map(([bytes, rude]) => throwAt(portNumber, bytes, rude)));
  }
}

function http2Frame(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const header = Buffer.alloc(9);
  header.writeUIntBE(payload.length, 0, 3);
  header[3] = type;
  header[4] = flags;
  header.writeUInt32BE(stream, 5);
  return Buffer.concat([header, payload]);
}

/** Headers of a call of the pipeline, without compression: literal fields, new names. */
function pipelineHeaders(): Buffer {
  const fields: readonly (readonly [string, string])[] = [
    [":method", "POST"],
    [":scheme", "http"],
    [":path", path],
    [":authority", "x"],
    ["content-type", "application/grpc"],
  ];
  return Buffer.concat(
    fields.flatMap(([name, value]) => [
      Buffer.from([0, name.length]),
      Buffer.from(name),
      Buffer.from([value.length]),
      Buffer.from(value),
    ]),
  );
}

const settings = http2Frame(4, 0, 0, Buffer.alloc(0));
const http2Preface = Buffer.concat([Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), settings]);
const anyBytes = fc.uint8Array({ maxLength: 60 });
const anyFrame = fc.oneof(
  fc.constant(http2Frame(1, 4, 1, pipelineHeaders())),
  fc.constant(http2Frame(1, 5, 3, pipelineHeaders())),
  fc.record({ flags: fc.nat(255), data: anyBytes }).map(({ flags, data }) => http2Frame(0, flags, 1, data)),
  fc.constant(http2Frame(3, 0, 1, Buffer.from([0, 0, 0, 8]))),
  fc
    .record({ type: fc.nat(12), flags: fc.nat(255), stream: fc.nat(5), data: anyBytes })
    .map(({ type, flags, stream, data }) => http2Frame(type, flags, stream, data)),
  anyBytes.map((bytes) => Buffer.from(bytes)),
);
const anyClient = fc.oneof(
  fc.array(anyFrame, { maxLength: 12 }).map((frames) => Buffer.concat([http2Preface, ...frames])),
  fc.uint8Array({ minLength: 1, maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
  fc
    .array(
      fc.constantFrom(
        "GET ",
        "POST ",
        path,
        " HTTP/1.1\r\n",
        "host: x\r\n",
        "content-length: 5\r\n",
        "\r\n",
        "{}",
        "transfer-encoding: chunked\r\n",
      ),
    )
    .map((parts) => Buffer.from(parts.join("") + "x")),
);

test(`the client port survives ${connections} clients without manners (seed ${seed})`, async () => {
  port = await openTestPort();
  port.registerStream(path, (stream) => ({
    onMessage: (buffer, start, end) => stream.send(buffer.subarray(start, end)),
    onEnd: () => stream.end(),
    onDrain: () => stream.end(),
    onClose: () => undefined,
  }));
  const { port: number } = port.address;
  watchForCrashes();
  const clients = fc.sample(fc.tuple(anyClient, fc.boolean()), { numRuns: connections, seed });
  await throwAllAt(number, clients);
  expect(uncaught).toEqual([]);
  expect(await (await fetch(`${urlOf(port)}/livez`)).text()).toBe("alive\n");
  await expect.poll(() => port?.connections).toBeLessThanOrEqual(1);
});

test.each([
  ["taken back", http2Frame(3, 0, 1, Buffer.from([0, 0, 0, 8]))],
  ["lost with its connection", http2Frame(0, 0, 0, Buffer.from("data of no stream"))],
])("the client port survives a stream that is %s in the packet that opens it", async (_name, frame) => {
  port = await openTestPort();
  port.registerStream(path, (stream) => ({
    onMessage: () => undefined,
    onEnd: () => stream.end(),
    onDrain: () => stream.end(),
    onClose: () => undefined,
  }));
  watchForCrashes();
  const headers = http2Frame(1, 4, 1, pipelineHeaders());
  await throwAt(port.address.port, Buffer.concat([http2Preface, headers, frame]), false);
  await expect.poll(() => port?.connections).toBe(0);
  expect(uncaught).toEqual([]);
});

test("the client port survives requests that are taken back as soon as they are made", async () => {
  port = await openTestPort();
  port.registerStream(path, (stream) => ({
    onMessage: () => undefined,
    onEnd: () => stream.end(),
    onDrain: () => stream.end(),
    onClose: () => undefined,
  }));
  watchForCrashes();
  const session = http2.connect(urlOf(port));
  session.on("error", () => undefined);
  for (let index = 0; index < 500 && !session.closed; index += 1) {
    const stream = session.request({
      ":method": "POST",
      ":path": index % 2 === 0 ? path : "/titan.kv.v1.KvService/Put",
      "content-type": index % 3 === 0 ? "application/grpc" : "application/proto",
    });
    stream.on("error", () => undefined);
    stream.close(http2.constants.NGHTTP2_CANCEL);
    // oxlint-disable-next-line no-await-in-loop -- some at a time, so that some are answered in part
    if (index % 7 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await new Promise((resolve) => setTimeout(resolve, 50));
  session.destroy();
  expect(uncaught).toEqual([]);
  expect((await fetch(`${urlOf(port)}/livez`)).status).toBe(200);
});

test(`the peer port survives ${connections} nodes without manners, and takes nothing from them (seed ${seed})`, async () => {
  node = await TestNode.start({ node: 2 });
  watchForCrashes();
  const hello = encodeFrame(
    FrameKind.Hello,
    encodeHello({ clusterId: "test", node: 1, incarnation: 1, token: "t", to: 2 }),
  );
  const ping = encodeFrame(FrameKind.Ping, Buffer.alloc(8));
  const anyPeer = fc
    .tuple(
      fc.constantFrom(Buffer.concat([preamble, hello]), preamble, Buffer.alloc(0)),
      fc.array(fc.oneof(anyBytes, fc.constant(ping))),
    )
    .map(([begin, rest]) => Buffer.concat([begin, ...rest, Buffer.from("x")]));
  const peers = fc.sample(fc.tuple(anyPeer, fc.boolean()), { numRuns: connections, seed });
  const { port: number } = node.port.address;
  await throwAllAt(number, peers);
  expect(uncaught).toEqual([]);
  expect(node.frames).toEqual([]);
  const good = await TestNode.start({ node: 3 });
  good.transport.setAddress(2, node.address);
  await expect.poll(() => good.transport.isConnected(2)).toBe(true);
  await good.stop();
});
