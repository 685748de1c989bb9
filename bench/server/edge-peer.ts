/**
 * What the connection between two nodes costs per frame: this process sends, a child process receives.
 *
 *     node --conditions=@titan-kv/source bench/server/edge-peer.ts
 */
import { fork } from "node:child_process";
import { once } from "node:events";
// @boundaries-ignore measures a part that the package does not export
import { defaultPeerLimits } from "../../packages/server/src/peer/peer-limits.ts";
// @boundaries-ignore measures a part that the package does not export
import { TestNode } from "../../packages/server/test/edge/test-peers.ts";

const secondsPerCase = 2;
const cases = [
  { bytes: 100, perTurn: 1 },
  { bytes: 100, perTurn: 10 },
  { bytes: 100, perTurn: 100 },
  { bytes: 1024, perTurn: 10 },
  { bytes: 16_384, perTurn: 4 },
  { bytes: 262_144, perTurn: 1 },
];
/** Sending pauses above this, as consensus does by its own limits. */
const maxQueuedBytes = 4 * 1024 * 1024;

async function receive(): Promise<void> {
  const node = await TestNode.start({ node: 2, limits: defaultPeerLimits });
  let before = process.cpuUsage();
  process.on("message", (question) => {
    if (question === "begin") {
      node.frames.length = 0;
      before = process.cpuUsage();
      process.send?.("begun");
    } else {
      const { user, system } = process.cpuUsage(before);
      process.send?.({ received: node.frames.length, cpuMicros: user + system });
    }
  });
  process.send?.(node.address);
}

async function send(): Promise<void> {
  const child = fork(process.argv[1]!, ["receiver"], { execArgv: process.execArgv });
  const [address] = (await once(child, "message")) as [string];
  const node = await TestNode.start({ node: 1, limits: defaultPeerLimits });
  node.transport.setAddress(2, address);
  while (!node.transport.isConnected(2)) await new Promise((resolve) => setTimeout(resolve, 10));
  const rows = [];
  for (const { bytes, perTurn } of cases) {
    child.send("begin");
    // oxlint-disable-next-line no-await-in-loop -- cases must not disturb each other
    await once(child, "message");
    const frame = Buffer.alloc(bytes);
    const before = process.cpuUsage();
    const endMs = performance.now() + secondsPerCase * 1000;
    let sent = 0;
    while (performance.now() < endMs) {
      for (
        let index = 0;
        index < perTurn && node.transport.status()[0]!.queuedBytes < maxQueuedBytes;
        index += 1
      ) {
        if (node.transport.send(2, frame)) sent += 1;
      }
      // oxlint-disable-next-line no-await-in-loop -- one turn of the event loop
      await new Promise((resolve) => setImmediate(resolve));
    }
    const spent = process.cpuUsage(before);
    child.send("end");
    // oxlint-disable-next-line no-await-in-loop
    const [result] = (await once(child, "message")) as [{ received: number; cpuMicros: number }];
    rows.push({
      "frame bytes": bytes,
      "frames per turn": perTurn,
      "frames/s": Math.round(result.received / secondsPerCase),
      "MB/s": Math.round((result.received * bytes) / secondsPerCase / 1e6),
      "sender CPU µs/frame": Number(((spent.user + spent.system) / sent).toFixed(2)),
      "receiver CPU µs/frame": Number((result.cpuMicros / result.received).toFixed(2)),
      "round trip ms": Number(node.transport.status()[0]!.roundTripMs?.toFixed(2)),
    });
  }
  console.table(rows);
  child.disconnect();
  child.kill();
  await node.stop();
}

if (process.argv[2] === "receiver") await receive();
else await send();
