/** A node as a process of its own: `node node-process.ts <options as JSON>`. Prints one JSON line when it serves. */
import { createNode, type GivenNodeOptions } from "@titan-kv/server";

const node = createNode(JSON.parse(process.argv[2] ?? "{}") as GivenNodeOptions);
const running = await node.start();
process.stdout.write(`${JSON.stringify({ serving: running.node })}\n`);
void running.failed.then((reason) => {
  process.stdout.write(`${JSON.stringify({ failed: reason })}\n`);
  process.exit(3);
});
process.on("SIGTERM", () => void node.stop().then(() => process.exit(0)));
