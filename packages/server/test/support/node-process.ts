/** A node as a process of its own: `node node-process.ts <settings as JSON>`. Prints one JSON line when it serves. */
import { pino } from "pino";
import { startNode } from "../../src/node/node.ts";
import type { NodeSettings } from "../../src/node/node-settings.ts";

const settings = JSON.parse(process.argv[2] ?? "{}") as NodeSettings;
const logger = pino({ level: process.env["TITAN_LOG_LEVEL"] ?? "warn" }, pino.destination(2));
const node = await startNode(settings, logger);
process.stdout.write(
  `${JSON.stringify({ node: node.node, address: node.address, peerAddress: node.peerAddress })}\n`,
);
void node.failed.then((reason) => {
  process.stdout.write(`${JSON.stringify({ failed: reason })}\n`);
  process.exit(3);
});
process.on("SIGTERM", () => void node.stop().then(() => process.exit(0)));
