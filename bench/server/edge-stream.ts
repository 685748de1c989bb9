/**
 * What the client port's byte stream costs per message: a child process keeps a number of messages under way on one
 * HTTP/2 stream, the server answers each with a message of the same size.
 *
 *     node --conditions=@titan-kv/source bench/server/edge-stream.ts
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import http2 from "node:http2";
// @boundaries-ignore measures a part that the package does not export
import { openTestPort } from "../../packages/server/test/edge/test-port.ts";

const path = "/titan.kv.v1.KvService/Pipeline";
const secondsPerCase = 3;
const cases = [
  { bytes: 100, underWay: 1 },
  { bytes: 100, underWay: 64 },
  { bytes: 100, underWay: 1024 },
  { bytes: 4096, underWay: 64 },
  { bytes: 65_536, underWay: 16 },
];

interface Case {
  readonly port: number;
  readonly bytes: number;
  readonly underWay: number;
}

/** Sends messages, a new one for each answer, for some seconds; returns how many were answered. */
async function load({ port, bytes, underWay }: Case): Promise<number> {
  const session = http2.connect(`http://127.0.0.1:${port}`, { settings: { initialWindowSize: 4 << 20 } });
  await once(session, "connect");
  session.setLocalWindowSize(16 << 20);
  const stream = session.request({
    ":method": "POST",
    ":path": path,
    "content-type": "application/grpc+proto",
  });
  const frame = Buffer.alloc(5 + bytes);
  frame.writeUInt32BE(bytes, 1);
  let answered = 0;
  let partial = 0;
  let stopped = false;
  const send = (count: number): void => {
    if (count > 0 && !stopped) stream.write(Buffer.concat(Array<Buffer>(count).fill(frame)));
  };
  stream.on("data", (chunk: Buffer) => {
    const total = partial + chunk.length;
    const whole = Math.floor(total / frame.length);
    partial = total % frame.length;
    answered += whole;
    send(whole);
  });
  send(underWay);
  await new Promise((resolve) => setTimeout(resolve, secondsPerCase * 1000));
  stopped = true;
  stream.end();
  await once(stream, "close");
  session.close();
  return answered;
}

async function serve(): Promise<void> {
  const port = await openTestPort();
  port.registerStream(path, (stream) => ({
    onMessage: (buffer, start, end) => stream.send(buffer.subarray(start, end)),
    onEnd: () => stream.end(),
    onDrain: () => stream.end(),
    onClose: () => undefined,
  }));
  const child = fork(process.argv[1]!, ["client"], { execArgv: process.execArgv });
  const rows = [];
  for (const { bytes, underWay } of cases) {
    const before = process.cpuUsage();
    child.send({ port: port.address.port, bytes, underWay });
    // oxlint-disable-next-line no-await-in-loop -- cases must not disturb each other
    const [answered] = (await once(child, "message")) as [number];
    const spent = process.cpuUsage(before);
    rows.push({
      "message bytes": bytes,
      "under way": underWay,
      "messages/s": Math.round(answered / secondsPerCase),
      "server CPU µs/message": Number(((spent.user + spent.system) / answered).toFixed(2)),
    });
  }
  console.table(rows);
  child.disconnect();
  await port.stop(1000);
}

if (process.argv[2] === "client") {
  process.on("message", (message: Case) => {
    load(message).then(
      (answered) => process.send?.(answered),
      (error: unknown) => {
        throw error;
      },
    );
  });
} else await serve();
