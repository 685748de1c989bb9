/** A node as a process of its own: `node real-node.ts <options as JSON>`. Prints a line when it serves. */
// By its path: a dependency on the server, even one for development, would make this package wait for it to be built.
// @boundaries-ignore real nodes, for tests only
import { createNode, type GivenNodeOptions } from "../../../server/src/index.ts";

const node = createNode(JSON.parse(process.argv[2] ?? "{}") as GivenNodeOptions);
const running = await node.start();
process.stdout.write("serving\n");
void running.failed.then((reason) => {
  process.stderr.write(`the node failed: ${reason}\n`);
  process.exit(3);
});
process.on("SIGTERM", () => void node.stop().then(() => process.exit(0)));
