/** `titan context`. */
import { resolve } from "node:path";
import {
  type Context,
  contextNamed,
  contextsFile,
  readContexts,
  writeContexts,
} from "../connection/contexts.ts";
import { toUrl } from "../connection/target.ts";
import { printListing, printRecord } from "../output/printer.ts";
import { usageError } from "../program/cli-error.ts";
import type { CommandCall } from "../program/command-host.ts";
import { ExitCode } from "../program/exit-code.ts";

interface TlsFlags {
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
  readonly tokenFile?: string;
}

/** Prints all contexts. */
export async function listContexts({ options, terminal }: CommandCall): Promise<ExitCode> {
  const { current, contexts } = await readContexts(terminal.env);
  await printListing(terminal, options.output ?? "table", {
    columns: [{ title: "" }, { title: "name" }, { title: "nodes" }, { title: "tls" }],
    items: Object.entries(contexts).map(([name, context]) => ({
      name,
      isCurrent: name === current,
      ...context,
    })),
    cells: ({ name, isCurrent, endpoints, caFile, certFile }) => [
      isCurrent ? "*" : "",
      name,
      endpoints.join(","),
      caFile === undefined && certFile === undefined ? "" : "yes",
    ],
    json: (context) => context,
  });
  return ExitCode.Ok;
}

/** Makes a context, or replaces one; the first one is used from then on. */
export async function setContext({ args, options, terminal }: CommandCall<TlsFlags>): Promise<ExitCode> {
  const [name = ""] = args;
  const { endpoint, caFile, certFile, keyFile, tokenFile } = options;
  if (!/^[\w.-]+$/.test(name))
    throw usageError("a name has letters, digits, dots, dashes and underscores only");
  if (endpoint === undefined)
    throw usageError("--endpoint is missing", "name at least one node of the cluster");
  if ((certFile === undefined) !== (keyFile === undefined)) {
    throw usageError("--cert-file and --key-file belong together");
  }
  for (const each of endpoint) toUrl(each, caFile !== undefined || certFile !== undefined);
  const given: Context = { endpoints: endpoint, caFile, certFile, keyFile, tokenFile };
  // Files are found again from any directory.
  const context = Object.fromEntries(
    Object.entries(given)
      .filter(([, value]) => value !== undefined)
      .map(([field, value]) => [field, typeof value === "string" ? resolve(value) : (value as unknown)]),
  ) as unknown as Context;
  const { current, contexts } = await readContexts(terminal.env);
  const chosen = current ?? name;
  await writeContexts(terminal.env, { current: chosen, contexts: { ...contexts, [name]: context } });
  await printRecord(terminal, options.output ?? "table", {
    text: `context ${name} is in ${contextsFile(terminal.env)}${chosen === name ? ", and is used" : ""}`,
    json: { name, ...context, isCurrent: chosen === name },
  });
  return ExitCode.Ok;
}

/** Chooses the context that is used when none is named. */
export async function useContext({ args, options, terminal }: CommandCall): Promise<ExitCode> {
  const [name = ""] = args;
  const all = await readContexts(terminal.env);
  contextNamed(all, name);
  await writeContexts(terminal.env, { ...all, current: name });
  await printRecord(terminal, options.output ?? "table", { text: `context ${name} is used`, json: { name } });
  return ExitCode.Ok;
}

/** Forgets a context. */
export async function removeContext({ args, options, terminal }: CommandCall): Promise<ExitCode> {
  const [name = ""] = args;
  const { current, contexts } = await readContexts(terminal.env);
  contextNamed({ current, contexts }, name);
  const others = Object.fromEntries(Object.entries(contexts).filter(([other]) => other !== name));
  await writeContexts(terminal.env, { current: current === name ? undefined : current, contexts: others });
  await printRecord(terminal, options.output ?? "table", { text: `context ${name} is gone`, json: { name } });
  return ExitCode.Ok;
}
