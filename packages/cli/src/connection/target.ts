/** Which cluster a command is meant for. */
import { readFile } from "node:fs/promises";
import { chosenDevDirectory } from "../dev/dev-directory-choice.ts";
import { DevDirectory } from "../dev/dev-layout.ts";
import { localError, usageError } from "../program/cli-error.ts";
import type { GlobalOptions } from "../program/global-options.ts";
import { type Context, contextNamed, readContexts } from "./contexts.ts";

/** Ports of a development cluster that was started without saying anything. */
const defaultEndpoints = ["127.0.0.1:4100", "127.0.0.1:4101", "127.0.0.1:4102"];

/** A cluster, ready to be connected to. */
export interface Target {
  /** Origins such as `http://127.0.0.1:4100`. */
  readonly urls: readonly string[];
  /** Where the addresses come from, for messages. */
  readonly source: string;
  readonly tls: TlsMaterial | undefined;
  readonly token: string | undefined;
}

/** Contents of the files that a context names. */
export interface TlsMaterial {
  readonly ca?: Buffer | undefined;
  readonly cert?: Buffer | undefined;
  readonly key?: Buffer | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** The origin of an endpoint. @throws CliError USAGE when it is none. */
export function toUrl(endpoint: string, withTls: boolean): string {
  const text = endpoint.includes("://") ? endpoint : `${withTls ? "https" : "http"}://${endpoint}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isAcceptable =
    url !== undefined &&
    (url.protocol === "http:" || url.protocol === "https:") &&
    url.pathname === "/" &&
    (url.port !== "" || endpoint.includes("://"));
  if (isAcceptable) return url.origin;
  throw usageError(
    `${JSON.stringify(endpoint)} is not the address of a node`,
    "write host:port, such as 127.0.0.1:4100",
  );
}

/** The cluster that is meant: the flag, TITAN_ENDPOINT, the context, a development cluster here, the default ports. */
export async function resolveTarget(
  options: Pick<GlobalOptions, "endpoint" | "context">,
  env: Environment,
): Promise<Target> {
  const variable = env["TITAN_ENDPOINT"];
  const given =
    options.endpoint ?? (variable === undefined || variable === "" ? undefined : variable.split(","));
  const name = options.context ?? env["TITAN_CONTEXT"];
  if (given !== undefined && options.context === undefined) {
    const source = options.endpoint === undefined ? "TITAN_ENDPOINT" : "--endpoint";
    return targetOf({ endpoints: given.map((each) => each.trim()) }, source);
  }
  if (given !== undefined)
    throw usageError("--endpoint and --context exclude each other", "give one of them");
  const contexts = await readContexts(env);
  const chosen = name ?? contexts.current;
  if (chosen !== undefined) return targetOf(contextNamed(contexts, chosen), `the context ${chosen}`);
  const plan = await new DevDirectory(chosenDevDirectory(undefined, env)).readPlan();
  if (plan === undefined) return targetOf({ endpoints: defaultEndpoints }, "the default ports");
  const endpoints = plan.nodes.map(({ clientPort }) => `127.0.0.1:${clientPort}`);
  return targetOf({ endpoints }, "the development cluster in this directory");
}

async function targetOf(context: Context, source: string): Promise<Target> {
  const { endpoints, caFile, certFile, keyFile, tokenFile } = context;
  const usesTls = [caFile, certFile, keyFile].some((file) => file !== undefined);
  const [ca, cert, key, token] = await Promise.all([caFile, certFile, keyFile, tokenFile].map(contentOf));
  return {
    urls: endpoints.map((endpoint) => toUrl(endpoint, usesTls)),
    source,
    tls: usesTls ? { ca, cert, key } : undefined,
    token: token?.toString("utf8").trim(),
  };
}

async function contentOf(file: string | undefined): Promise<Buffer | undefined> {
  if (file === undefined) return undefined;
  try {
    return await readFile(file);
  } catch (error) {
    throw localError(
      `a file of the context cannot be read: ${(error as Error).message}`,
      error,
      "correct it with `titan context set`",
    );
  }
}
