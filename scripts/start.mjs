/** `npm start`: a three-node cluster on this machine. Arguments are passed on to `titan dev`. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { ensureInstalled, root, runAndExit } from "./toolchain.mjs";

const cli = "packages/cli/src/main.ts";

ensureInstalled();
if (!existsSync(join(root, cli))) {
  console.error(
    "The command line is not built yet: until it is, there is no cluster to start. `npm test` works.",
  );
  process.exit(1);
}
runAndExit("node", ["--conditions=@titan-kv/source", cli, "dev", ...process.argv.slice(2)]);
