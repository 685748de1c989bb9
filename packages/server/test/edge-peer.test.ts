import net, { type Socket } from "node:net";
import { Code, type ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { PeerService } from "@titan-kv/proto/peer";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { fromConnectError } from "../src/http/error-mapping.ts";
import { TlsFiles } from "../src/http/tls-files.ts";
import { encodeHello, type Refusal } from "../src/peer/hello.ts";
import { encodeFrame, FrameKind, preamble } from "../src/peer/peer-frame.ts";
import { TestAuthority } from "./edge/certificates.ts";
import { quickLimits, TestNode, type TestNodeOptions } from "./edge/test-peers.ts";

let nodes: TestNode[] = [];
let relays: Relay[] = [];

afterEach(async () => {
  await Promise.all([...nodes.map((node) => node.stop()), ...relays.map((relay) => relay.stop())]);
  nodes = [];
  relays = [];
});

async function start(options: TestNodeOptions): Promise<TestNode> {
  const node = await TestNode.start(options);
  nodes.push(node);
  return node;
}

async function pair(): Promise<[TestNode, TestNode]> {
  const first = await start({ node: 1 });
  const second = await start({ node: 2 });
  return [first, second];
}

/** Sends when the connection is there: before that, a frame may be dropped with an attempt that fails. */
async function deliver(from: TestNode, to: number, text: string): Promise<void> {
  await expect.poll(() => from.transport.isConnected(to), { interval: 5 }).toBe(true);
  expect(from.transport.send(to, Buffer.from(text))).toBe(true);
}

function pass(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 50));
}

async function refusedWith(first: TestNodeOptions, second: TestNodeOptions): Promise<Refusal | undefined> {
  const dialling = await start(first);
  const answering = await start(second);
  dialling.transport.setAddress(2, answering.address);
  await expect.poll(() => dialling.transport.status()[0]?.refusal).toBeDefined();
  expect(dialling.transport.isConnected(2)).toBe(false);
  expect(dialling.transport.send(2, Buffer.from("x"))).toBe(false);
  await pass();
  expect(answering.frames).toEqual([]);
  return dialling.transport.status()[0]?.refusal;
}

const admitByToken = (hello: { readonly token: string; readonly node: number }): Refusal | undefined =>
  hello.token === `token-${hello.node}` ? undefined : { reason: "BAD_TOKEN", message: "not your id" };

/** Sends bytes, and returns what came back when the port has closed the connection. */
function throwAt(target: TestNode, bytes: Buffer): Promise<Buffer> {
  return new Promise((resolve) => {
    const socket = net.connect(target.port.address.port, "127.0.0.1");
    const answer: Buffer[] = [];
    socket.on("data", (chunk: Buffer) => answer.push(chunk));
    socket.on("error", () => undefined);
    socket.on("close", () => resolve(Buffer.concat(answer)));
    socket.write(bytes);
  });
}

const call = (transport: Transport | undefined): Promise<unknown> =>
  createClient(PeerService, transport!).fetchRecord({ shard: 1, key: "k" });

/** Stands between two nodes; can swallow everything, or cut the connections. */
class Relay {
  readonly #server: net.Server;
  readonly #sockets = new Set<Socket>();
  swallow = false;

  private constructor(targetPort: number) {
    this.#server = net.createServer((near) => {
      const far = net.connect(targetPort, "127.0.0.1");
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#sockets.add(from);
        from.on("data", (chunk) => {
          if (!this.swallow) to.write(chunk);
        });
        from.on("error", () => undefined);
        from.on("close", () => {
          this.#sockets.delete(from);
          if (!this.swallow) to.destroy();
        });
      }
    });
  }

  static async to(port: number): Promise<Relay> {
    const relay = new Relay(port);
    await new Promise<void>((resolve) => relay.#server.listen(0, "127.0.0.1", resolve));
    relays.push(relay);
    return relay;
  }

  get address(): string {
    return `127.0.0.1:${((relay) => (relay.address() as net.AddressInfo).port)(this.#server)}`;
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async stop(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

describe("frames between nodes", () => {
  test("arrive whole, in order, with their sender, whatever their size", async () => {
    const [first, second] = await pair();
    first.transport.setAddress(2, second.address);
    const sizes = [0, 1, 100, 16 * 1024, 16 * 1024 + 1, 300_000, 5, 5 * 1024 * 1024, 3];
    await expect.poll(() => first.transport.isConnected(2)).toBe(true);
    for (const [index, size] of sizes.entries()) {
      expect(first.transport.send(2, Buffer.alloc(size, index))).toBe(true);
    }
    await expect.poll(() => second.frames.length).toBe(sizes.length);
    for (const [index, { from, frame }] of second.frames.entries()) {
      expect(from).toBe(1);
      expect(frame.equals(Buffer.alloc(sizes[index]!, index))).toBe(true);
    }
    expect(first.transport.status()[0]?.counters).toMatchObject({
      sentFrames: sizes.length,
      refusedFrames: 0,
    });
  });

  test("are sent both ways although both sides dial at once, on one connection per direction", async () => {
    const [first, second] = await pair();
    first.transport.setAddress(2, second.address);
    second.transport.setAddress(1, first.address);
    await deliver(first, 2, "from first");
    await deliver(second, 1, "from second");
    await expect.poll(() => [first.texts(), second.texts()]).toEqual([["2:from second"], ["1:from first"]]);
    expect(first.port.connectedNodes).toEqual([2]);
    expect(second.port.connectedNodes).toEqual([1]);
  });

  test("that wait for the connection are sent when it is made; a round trip is measured", async () => {
    const [first, second] = await pair();
    first.transport.setAddress(2, second.address);
    expect(first.transport.isConnected(2)).toBe(false);
    expect(first.transport.send(2, Buffer.from("early"))).toBe(true);
    await expect.poll(() => second.texts()).toEqual(["1:early"]);
    await expect.poll(() => first.transport.status()[0]?.roundTripMs).toBeGreaterThan(0);
  });

  test("are refused, and counted, when they are too large, too many, or for nobody", async () => {
    const first = await start({
      node: 1,
      limits: { ...quickLimits, maxFrameBytes: 1000, maxQueueBytes: 5000 },
    });
    const second = await start({ node: 2 });
    expect(first.transport.send(2, Buffer.from("nobody"))).toBe(false);
    first.transport.setAddress(2, second.address);
    await expect.poll(() => first.transport.isConnected(2)).toBe(true);
    expect(first.transport.send(2, Buffer.alloc(1001))).toBe(false);
    const taken = Array.from({ length: 10 }, () => first.transport.send(2, Buffer.alloc(900)));
    expect(taken.filter(Boolean)).toHaveLength(5);
    expect(first.transport.status()[0]?.counters.refusedFrames).toBe(6);
    await expect.poll(() => second.frames.length).toBe(5);
    expect(first.transport.status()[0]?.queuedBytes).toBe(0);
  });

  test("do not pile up without bound for a node that does not read", async () => {
    const first = await start({
      node: 1,
      limits: { ...quickLimits, pingTimeoutMs: 60_000, maxQueueBytes: 4 << 20 },
    });
    const stuckSockets: Socket[] = [];
    const stuck = net.createServer((socket) => {
      // Reads the greeting, answers it, and then nothing any more.
      socket.on("error", () => undefined);
      stuckSockets.push(socket);
      socket.once("data", () => {
        socket.pause();
        const welcome = { clusterId: "test", node: 2, incarnation: 1, token: "token-2", to: 1 };
        socket.write(encodeFrame(FrameKind.Welcome, encodeHello(welcome)));
      });
    });
    await new Promise<void>((resolve) => stuck.listen(0, "127.0.0.1", resolve));
    first.transport.setAddress(2, `127.0.0.1:${(stuck.address() as net.AddressInfo).port}`);
    await expect.poll(() => first.transport.isConnected(2)).toBe(true);
    let taken = 0;
    while (taken < 10_000 && first.transport.send(2, Buffer.alloc(100_000))) {
      taken += 1;
      // oxlint-disable-next-line no-await-in-loop -- lets what was taken be written
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(taken).toBeLessThan(1000);
    expect(first.transport.status()[0]?.queuedBytes).toBeLessThanOrEqual(4 << 20);
    for (const socket of stuckSockets) socket.destroy();
    await new Promise((resolve) => stuck.close(resolve));
  });
});

describe("connections between nodes", () => {
  test("that fail take with them what waited for them, and count it", async () => {
    const first = await start({ node: 1 });
    const silent = net.createServer((socket) => void socket.on("error", () => undefined).resume());
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    first.transport.setAddress(2, `127.0.0.1:${(silent.address() as net.AddressInfo).port}`);
    expect(first.transport.send(2, Buffer.from("never"))).toBe(true);
    await expect.poll(() => first.transport.status()[0]?.counters.lostFrames).toBe(1);
    expect(first.transport.status()[0]?.queuedBytes).toBe(0);
    first.transport.forget(2);
    await new Promise((resolve) => silent.close(resolve));
  });

  test("replace an earlier one of the same node, which it has given up although nobody has noticed yet", async () => {
    // Silence would be noticed after an hour only.
    const second = await start({ node: 2, limits: { ...quickLimits, silenceTimeoutMs: 3_600_000 } });
    const hello = encodeHello({ clusterId: "test", node: 1, incarnation: 1, token: "t", to: 2 });
    const greeting = Buffer.concat([preamble, encodeFrame(FrameKind.Hello, hello)]);
    const dial = (): Socket => {
      const socket = net.connect(second.port.address.port, "127.0.0.1");
      socket.on("error", () => undefined).resume();
      socket.write(greeting);
      return socket;
    };
    const earlier = dial();
    const closed = new Promise((resolve) => earlier.once("close", resolve));
    await expect.poll(() => second.port.connectedNodes).toEqual([1]);
    const later = dial();
    await closed;
    expect(second.port.connectedNodes).toEqual([1]);
    later.destroy();
  });

  test("are made again after they are cut, and after the other node restarts on the same port", async () => {
    const [first, second] = await pair();
    const relay = await Relay.to(second.port.address.port);
    first.transport.setAddress(2, relay.address);
    await deliver(first, 2, "one");
    await expect.poll(() => second.texts()).toEqual(["1:one"]);
    relay.cut();
    await expect.poll(() => first.changes.filter(({ change }) => change.to === "connected").length).toBe(2);
    await deliver(first, 2, "two");
    await expect.poll(() => second.texts()).toEqual(["1:one", "1:two"]);

    const number = second.port.address.port;
    await second.stop();
    await expect.poll(() => first.transport.isConnected(2)).toBe(false);
    const again = await start({ node: 2, port: number, identity: { incarnation: 2 } });
    await deliver(first, 2, "three");
    await expect.poll(() => again.texts()).toEqual(["1:three"]);
    expect(first.changes.at(-1)?.change).toEqual({ to: "connected", incarnation: 2 });
  });

  test("that swallow everything are found out by both sides", async () => {
    const [first, second] = await pair();
    const relay = await Relay.to(second.port.address.port);
    first.transport.setAddress(2, relay.address);
    await expect.poll(() => second.port.connectedNodes).toEqual([1]);
    relay.swallow = true;
    await expect.poll(() => first.transport.isConnected(2)).toBe(false);
    await expect.poll(() => second.port.connectedNodes, { timeout: 5000 }).toEqual([]);
    expect(first.changes.at(-1)?.change).toMatchObject({ to: "disconnected" });
    relay.swallow = false;
    await deliver(first, 2, "back");
    await expect.poll(() => second.texts()).toContain("1:back");
  });

  test("follow a node to its new address, and end when it is forgotten", async () => {
    const [first, second] = await pair();
    const moved = await start({ node: 2, identity: { incarnation: 2 } });
    first.transport.setAddress(2, second.address);
    await deliver(first, 2, "old place");
    await expect.poll(() => second.texts()).toEqual(["1:old place"]);
    first.transport.setAddress(2, moved.address);
    await deliver(first, 2, "new place");
    await expect.poll(() => moved.texts()).toEqual(["1:new place"]);
    await expect.poll(() => second.port.connectedNodes).toEqual([]);
    first.transport.forget(2);
    expect(first.transport.send(2, Buffer.from("x"))).toBe(false);
    expect(first.transport.status()).toEqual([]);
    await expect.poll(() => moved.port.connectedNodes).toEqual([]);
  });

  test("are dialled at once when the other node is heard of, in spite of a long wait", async () => {
    const slow = { ...quickLimits, minBackoffMs: 60_000, maxBackoffMs: 60_000 };
    const second = await start({ node: 2 });
    const number = second.port.address.port;
    await second.stop();
    const first = await start({ node: 1, limits: slow });
    first.transport.setAddress(2, `127.0.0.1:${number}`);
    await expect.poll(() => first.changes.at(-1)?.change.to).toBe("disconnected");
    const back = await start({ node: 2, port: number });
    back.transport.setAddress(1, first.address);
    await expect.poll(() => first.transport.isConnected(2)).toBe(true);
  });
});

describe("a node is refused", () => {
  test("by a node of another cluster", async () => {
    const refusal = await refusedWith({ node: 1 }, { node: 2, identity: { clusterId: "other" } });
    expect(refusal?.reason).toBe("WRONG_CLUSTER");
    expect(refusal?.message).toContain("other");
  });

  test("by a node that is not the one it meant", async () => {
    expect(await refusedWith({ node: 1 }, { node: 3 })).toMatchObject({ reason: "WRONG_NODE" });
  });

  test("when it was removed, or its token is not the one on record, by whoever judges", async () => {
    const removed: Refusal = { reason: "REMOVED", message: "node 1 was removed on Monday" };
    expect(await refusedWith({ node: 1 }, { node: 2, admit: () => removed })).toEqual(removed);
    expect(
      await refusedWith({ node: 1, identity: { token: "guess" } }, { node: 2, admit: admitByToken }),
    ).toMatchObject({
      reason: "BAD_TOKEN",
    });
    // The node that is dialled is judged as well.
    expect(
      await refusedWith({ node: 1, admit: admitByToken }, { node: 2, identity: { token: "guess" } }),
    ).toMatchObject({
      reason: "BAD_TOKEN",
    });
  });

  test("when a later start of the same node has been here", async () => {
    const second = await start({ node: 2 });
    const later = await start({ node: 1, identity: { incarnation: 7 } });
    later.transport.setAddress(2, second.address);
    await expect.poll(() => later.transport.isConnected(2)).toBe(true);
    const earlier = await start({ node: 1, identity: { incarnation: 6 } });
    earlier.transport.setAddress(2, second.address);
    await expect.poll(() => earlier.transport.status()[0]?.refusal?.reason).toBe("STALE_INCARNATION");
    expect(later.transport.isConnected(2)).toBe(true);
  });
});

describe("whatever arrives on the peer port", () => {
  const hello = encodeFrame(
    FrameKind.Hello,
    encodeHello({ clusterId: "test", node: 1, incarnation: 1, token: "token-1", to: 2 }),
  );
  const data = encodeFrame(FrameKind.Data, Buffer.from("good"));
  const damaged = Buffer.from(encodeFrame(FrameKind.Data, Buffer.from("evil")));
  damaged[damaged.length - 1]! ^= 1;
  const huge = Buffer.from([0xff, 0xff, 0xff, 0x7f, 0, 0, 0, 0, 0]);

  test.each([
    ["nothing", Buffer.alloc(0)],
    ["another protocol", Buffer.from("GET / HTTP/1.1\r\n\r\n")],
    ["a greeting cut short", Buffer.concat([preamble, hello.subarray(0, 20)])],
    ["a frame before the greeting", Buffer.concat([preamble, data])],
    [
      "a greeting that is not JSON",
      Buffer.concat([preamble, encodeFrame(FrameKind.Hello, Buffer.from("{"))]),
    ],
    ["a greeting without end", Buffer.concat([preamble, encodeFrame(FrameKind.Hello, Buffer.alloc(5000))])],
    ["a frame with a wrong checksum", Buffer.concat([preamble, hello, damaged])],
    ["a frame that is too large", Buffer.concat([preamble, hello, huge])],
    ["a frame of no kind", Buffer.concat([preamble, hello, Buffer.from([0, 0, 0, 0, 99, 0, 0, 0, 0])])],
    ["a second greeting", Buffer.concat([preamble, hello, hello])],
  ])("%s closes the connection and is handed to nobody", async (_name, bytes) => {
    const target = await start({ node: 2 });
    await throwAt(target, bytes);
    expect(target.frames).toEqual([]);
    await expect.poll(() => target.port.connectedNodes).toEqual([]);
  });

  test("another version of the protocol is refused by name", async () => {
    const target = await start({ node: 2 });
    const answer = await throwAt(target, Buffer.concat([Buffer.from("TKVP"), Buffer.from([99]), hello]));
    expect(answer.toString("latin1")).toContain("WRONG_VERSION");
  });

  test("good frames before a bad one are delivered", async () => {
    const target = await start({ node: 2 });
    await throwAt(target, Buffer.concat([preamble, hello, data, damaged, data]));
    expect(target.texts()).toEqual(["1:good"]);
    expect(target.port.faults).toBe(1);
  });
});

describe("services on the peer port", () => {
  test("are called by nodes, with their identity, and survive restarts of the other side while idle", async () => {
    const [first, second] = await pair();
    const number = second.port.address.port;
    first.transport.setAddress(2, second.address);
    expect(await call(first.transport.client(2))).toMatchObject({ found: true, keyRevision: 1n });
    let current = second;
    for (let round = 0; round < 3; round += 1) {
      // oxlint-disable-next-line no-await-in-loop -- restarts follow each other
      await current.stop();
      // oxlint-disable-next-line no-await-in-loop
      current = await start({ node: 2, port: number });
      // oxlint-disable-next-line no-await-in-loop
      expect(await call(first.transport.client(2))).toMatchObject({ found: true });
    }
    await current.stop();
    const failure = (await call(first.transport.client(2)).catch((error: unknown) => error)) as ConnectError;
    expect(fromConnectError(failure)).toMatchObject({ reason: "UNAVAILABLE", outcome: "NOT_APPLIED" });
  });

  test("end well when they are under way while the other side stops, and new ones take a new connection", async () => {
    const gate = Promise.withResolvers<void>();
    const first = await start({ node: 1 });
    const second = await start({ node: 2, gate: gate.promise });
    const number = second.port.address.port;
    first.transport.setAddress(2, second.address);
    const peer = createClient(PeerService, first.transport.client(2)!);
    await call(first.transport.client(2));
    const slow = peer.fetchRecord({ shard: 1, key: "slow" });
    await pass();
    const stopped = second.port.stop(3_600_000);
    await pass();
    const again = await start({ node: 2, port: number });
    expect(await call(first.transport.client(2))).toMatchObject({ found: true });
    expect(again.port.address.port).toBe(number);
    gate.resolve();
    expect(await slow).toMatchObject({ found: true });
    await stopped;
  });

  test("are refused to clients, and to nodes that are not admitted", async () => {
    const removed: Refusal = { reason: "REMOVED", message: "gone" };
    const target = await start({ node: 2, admit: ({ node }) => (node === 1 ? removed : undefined) });
    const anonymous = createGrpcTransport({ baseUrl: `http://${target.address}` });
    await expect(call(anonymous)).rejects.toMatchObject({ code: Code.PermissionDenied });
    const first = await start({ node: 1 });
    first.transport.setAddress(2, target.address);
    const failure = (await call(first.transport.client(2)).catch((error: unknown) => error)) as ConnectError;
    expect(fromConnectError(failure)).toMatchObject({
      reason: "FAILED_PRECONDITION",
      outcome: "NOT_APPLIED",
    });
    expect(failure.message).toContain("REMOVED");
  });
});

describe("inside mutual TLS", () => {
  let authority: TestAuthority;
  beforeAll(async () => {
    authority = await TestAuthority.create();
  });

  test("frames and calls pass, also after the certificate was replaced", async () => {
    const files = await TlsFiles.load(await authority.issue("one"));
    const first = await start({ node: 1, tls: files });
    const second = await start({ node: 2, tls: await TlsFiles.load(await authority.issue("two")) });
    first.transport.setAddress(2, second.address);
    await deliver(first, 2, "secret");
    await expect.poll(() => second.texts()).toEqual(["1:secret"]);
    const answer = await createClient(PeerService, first.transport.client(2)!).fetchRecord({
      shard: 1,
      key: "k",
    });
    expect(answer.keyRevision).toBe(1n);

    await authority.issue("one");
    await files.reload();
    second.port.disconnect(1);
    await expect.poll(() => first.changes.filter(({ change }) => change.to === "connected").length).toBe(2);
    await deliver(first, 2, "again");
    await expect.poll(() => second.texts()).toEqual(["1:secret", "1:again"]);
  });

  test("a node of another authority gets nowhere, in either direction, nor does one without TLS", async () => {
    const stranger = await TestAuthority.create();
    const first = await start({ node: 1, tls: await TlsFiles.load(await stranger.issue("one")) });
    const clear = await start({ node: 3 });
    const second = await start({ node: 2, tls: await TlsFiles.load(await authority.issue("two")) });
    first.transport.setAddress(2, second.address);
    second.transport.setAddress(1, first.address);
    clear.transport.setAddress(2, second.address);
    for (const node of [first, second, clear]) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await expect.poll(() => node.changes.at(-1)?.change.to).toBe("disconnected");
    }
    expect(second.port.connectedNodes).toEqual([]);
  });
});
