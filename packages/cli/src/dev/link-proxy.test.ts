import { once } from "node:events";
import http2 from "node:http2";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { freePorts } from "./free-ports.ts";
import { LinkFaults } from "./link-faults.ts";
import { LinkProxy } from "./link-proxy.ts";

/** A greeting as nodes send it: magic, version, header of nine bytes, JSON. */
function greetingOf(node: number): Buffer {
  const payload = Buffer.from(JSON.stringify({ clusterId: "c", node, incarnation: 1, token: "t", to: 2 }));
  const header = Buffer.alloc(9);
  header.writeUInt32LE(payload.length);
  header[4] = 3;
  return Buffer.concat([Buffer.from("TKVP\u0001"), header, payload]);
}

/** Collects what a socket receives. */
function received(socket: Socket): { text: string; closed: boolean } {
  const state = { text: "", closed: false };
  socket.on("data", (chunk: Buffer) => (state.text += chunk.toString("latin1")));
  socket.on("close", () => (state.closed = true));
  socket.on("error", () => undefined);
  return state;
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** Long enough for bytes on a loopback to have arrived if they were going to. */
function aMoment(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 60));
}

describe("a proxy before node 2", () => {
  let faults: LinkFaults;
  let proxy: LinkProxy;
  let node: Server;
  let proxyPort: number;
  const atNode: { socket: Socket; state: { text: string; closed: boolean } }[] = [];

  beforeEach(async () => {
    atNode.length = 0;
    node = createServer((socket) => atNode.push({ socket, state: received(socket) }));
    node.listen(0, "127.0.0.1");
    await once(node, "listening");
    faults = new LinkFaults();
    [proxyPort = 0] = await freePorts(1);
    const targetPort = (node.address() as AddressInfo).port;
    proxy = await LinkProxy.open({ node: 2, listenPort: proxyPort, targetPort, faults });
  });

  afterEach(async () => {
    await proxy.close();
    for (const { socket } of atNode) socket.destroy();
    node.close();
  });

  function dial(): Socket {
    return connect({ port: proxyPort, host: "127.0.0.1" });
  }

  test("passes everything on in both directions, the greeting first, however it is cut into pieces", async () => {
    const socket = dial();
    const answers = received(socket);
    const greeting = greetingOf(1);
    for (const byte of greeting) {
      socket.write(Buffer.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    socket.write("and more");
    await until(() => atNode[0]?.state.text === `${greeting.toString("latin1")}and more`);
    atNode[0]!.socket.write("answer");
    await until(() => answers.text === "answer");
    socket.destroy();
    await until(() => atNode[0]!.state.closed);
  });

  test("what is sent while a direction is slow arrives later, and nothing sent afterwards overtakes it", async () => {
    const socket = dial();
    const greeting = greetingOf(1);
    socket.write(greeting);
    await until(() => atNode.length === 1);
    faults.slow(1, 2, 50);
    for (const word of ["one ", "two "]) {
      socket.write(word);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(atNode[0]!.state.text).not.toContain("one");
    faults.heal();
    socket.write("three");
    await until(() => atNode[0]!.state.text.endsWith("three"));
    expect(atNode[0]!.state.text).toBe(`${greeting.toString("latin1")}one two three`);
    socket.destroy();
  });

  test("while the network is cut nothing arrives and nobody is told; healing closes the connection", async () => {
    const socket = dial();
    const answers = received(socket);
    socket.write(greetingOf(1));
    await until(() => atNode.length === 1);
    faults.partition([[1], [2]], [1, 2]);
    const before = atNode[0]!.state.text;
    socket.write("lost");
    atNode[0]!.socket.write("lost too");
    await aMoment();
    expect(atNode[0]!.state).toEqual({ text: before, closed: false });
    expect(answers).toEqual({ text: "", closed: false });
    faults.heal();
    await until(() => answers.closed && atNode[0]!.state.closed);
    expect(atNode[0]!.state.text).toBe(before);
  });

  test("a connection made during a cut seems to work and reaches nobody; other nodes get through", async () => {
    faults.cut(1, 2);
    const cutOff = dial();
    const answers = received(cutOff);
    cutOff.write(greetingOf(1));
    const other = dial();
    other.write(greetingOf(3));
    await until(() => atNode.length === 1);
    expect(atNode[0]!.state.text).toContain('"node":3');
    await aMoment();
    expect(atNode.length).toBe(1);
    expect(answers.closed).toBe(false);
    cutOff.destroy();
    other.destroy();
  });

  test("one direction can be cut alone", async () => {
    const socket = dial();
    const answers = received(socket);
    socket.write(greetingOf(1));
    await until(() => atNode.length === 1);
    faults.cut(2, 1);
    socket.write("arrives");
    atNode[0]!.socket.write("does not");
    await until(() => atNode[0]!.state.text.endsWith("arrives"));
    await aMoment();
    expect(answers.text).toBe("");
    socket.destroy();
  });

  test("what is no node is cut off", async () => {
    const socket = dial();
    const answers = received(socket);
    socket.write("GET / HTTP/1.1\r\n\r\n");
    await until(() => answers.closed);
    expect(atNode.length).toBe(0);
  });
});

test("a node is recognised by the headers of its calls, and cut off by them", async () => {
  const server = http2.createServer((_request, response) => response.end("served"));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const faults = new LinkFaults();
  const [listenPort = 0] = await freePorts(1);
  const targetPort = (server.address() as AddressInfo).port;
  const proxy = await LinkProxy.open({ node: 2, listenPort, targetPort, faults });
  const call = async (node: number): Promise<string> => {
    const session = http2.connect(`http://127.0.0.1:${listenPort}`);
    session.on("error", () => undefined);
    const stream = session.request({ ":path": "/", "titan-node": String(node) });
    stream.setTimeout(300, () => stream.close());
    stream.on("error", () => undefined);
    let text = "";
    stream.on("data", (chunk: Buffer) => (text += chunk.toString()));
    await once(stream, "close");
    session.destroy();
    return text;
  };
  expect(await call(1)).toBe("served");
  faults.cut(1, 2);
  expect([await call(1), await call(3)]).toEqual(["", "served"]);
  await proxy.close();
  server.close();
});
