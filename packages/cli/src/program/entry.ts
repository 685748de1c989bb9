/** Where this program is, to start it once more and to tell people how to call it. */
import { fileURLToPath } from "node:url";

/** Whether it runs from the sources of a clone instead of a published package. */
export const runsFromSource: boolean = import.meta.url.endsWith(".ts");

/** The file that was given to Node. */
export const entryFile: string = fileURLToPath(
  new URL(runsFromSource ? "../main.ts" : "../main.js", import.meta.url),
);

/** The launcher of a clone. */
export const sourceLauncher: string = fileURLToPath(new URL("../../bin/titan.mjs", import.meta.url));
