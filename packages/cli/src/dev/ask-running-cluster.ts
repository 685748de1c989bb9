import { printListing, toJson } from "../output/printer.ts";
import type { CommandCall } from "../program/command-host.ts";
import { ExitCode } from "../program/exit-code.ts";
import { note, writeOut } from "../program/terminal.ts";
import { askDevCluster } from "./control-client.ts";
import type { DevAction } from "./control-protocol.ts";
import { chosenDevDirectory } from "./dev-directory-choice.ts";
import { DevDirectory } from "./dev-layout.ts";

/** `titan dev kill 2` and its like, from another terminal. */
export async function askRunningCluster(
  action: DevAction,
  { args, options, terminal }: CommandCall<{ readonly dir?: string }>,
): Promise<ExitCode> {
  const directory = new DevDirectory(chosenDevDirectory(options.dir, terminal.env));
  const { text, status } = await askDevCluster(directory, { action, words: args });
  const format = options.output ?? "table";
  if (action !== "status") {
    await writeOut(
      terminal,
      format === "table" || format === "raw" ? `${text}\n` : `${toJson({ text, status })}\n`,
    );
    return ExitCode.Ok;
  }
  if (format === "json" || format === "ndjson") {
    await writeOut(terminal, `${toJson(status, format === "json" ? 2 : undefined)}\n`);
    return ExitCode.Ok;
  }
  await printListing(terminal, format, {
    columns: [
      { title: "name" },
      { title: "node", align: "right" },
      { title: "state" },
      { title: "address" },
      { title: "process", align: "right" },
    ],
    items: status.nodes,
    cells: ({ name, node, state, address, pid }) => [name, String(node), state, address, String(pid ?? "")],
    json: (node) => node,
  });
  const letters = new Map(status.nodes.map(({ node, name }) => [node, name]));
  if (status.cut.length > 0) {
    note(
      terminal,
      `cut: ${status.cut.map(([from, to]) => `${letters.get(from)}>${letters.get(to)}`).join(" ")}`,
    );
  }
  return ExitCode.Ok;
}
