/** `npm test`: everything that CI runs, from a fresh clone. Arguments are passed on to `scripts/verify.ts`. */
import { ensureInstalled, runAndExit } from "./toolchain.mjs";

ensureInstalled();
runAndExit("node", ["scripts/verify.ts", ...process.argv.slice(2)]);
