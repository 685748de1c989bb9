import { curlCommand, printExplanation } from "../connection/explain.ts";
import { resolveTarget } from "../connection/target.ts";
import { withClient } from "../connection/with-client.ts";
import { printListing } from "../output/printer.ts";
import { usageError } from "../program/cli-error.ts";
import type { CommandCall } from "../program/command-host.ts";
import { ExitCode } from "../program/exit-code.ts";
import { reportWrite } from "./write-result.ts";

interface DeleteFlags {
  readonly ifRevision?: number;
}

/** `titan del <keys...>`: removes keys, each by itself. Removing what is not there is no error. */
export async function del(call: CommandCall<DeleteFlags>): Promise<ExitCode> {
  const { args, options, terminal } = call;
  const { ifRevision } = options;
  const [first = ""] = args;
  if (ifRevision !== undefined && args.length > 1) throw usageError("--if-revision is for one key");
  if (options.explain === true) {
    const target = await resolveTarget(options, terminal.env);
    for (const key of args) {
      const condition = ifRevision === undefined ? {} : { condition: { ifRevision } };
      const body = { key, ...condition };
      // oxlint-disable-next-line no-await-in-loop -- one line after the other
      await printExplanation(terminal, curlCommand(target, { method: "titan.kv.v1.KvService/Delete", body }));
    }
    return ExitCode.Ok;
  }
  if (args.length === 1) {
    const result = await withClient(call, (client) => client.delete(first, { ifRevision }));
    if (ifRevision !== undefined) return reportWrite(call, first, result);
    await printDeleted(call, [{ key: first, existed: result.existed }]);
    return ExitCode.Ok;
  }
  const results = await withClient(call, (client) =>
    client.batch(args.map((key) => ({ kind: "delete", key }) as const)),
  );
  const deleted = results.map((result, index) => {
    if (result.kind === "error") throw result.error;
    return { key: args[index]!, existed: result.kind === "write" && result.existed };
  });
  await printDeleted(call, deleted);
  return ExitCode.Ok;
}

function printDeleted(
  { options, terminal }: CommandCall,
  items: readonly { readonly key: string; readonly existed: boolean }[],
): Promise<void> {
  return printListing(terminal, options.output ?? "raw", {
    columns: [{ title: "key" }, { title: "result" }],
    items,
    cells: ({ key, existed }) => [key, existed ? "deleted" : "was not there"],
    json: (item) => item,
  });
}
