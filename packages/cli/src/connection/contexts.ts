/** Named clusters, so that their addresses need not be typed: one JSON file in the user's configuration directory. */
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { localError, usageError } from "../program/cli-error.ts";

/** A cluster and how to talk to it. Secrets are not in the file, only the names of the files that hold them. */
export interface Context {
  readonly endpoints: readonly string[];
  /** Authorities to trust, PEM. */
  readonly caFile?: string | undefined;
  /** Our certificate and its key, PEM. */
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
  /** The bearer token. */
  readonly tokenFile?: string | undefined;
}

/** What the file holds. */
export interface Contexts {
  /** The one that is used when none is named. */
  readonly current: string | undefined;
  readonly contexts: Readonly<Record<string, Context>>;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** The file: TITAN_CONTEXTS_FILE, or `titan-kv/contexts.json` in XDG_CONFIG_HOME, which is `~/.config` by default. */
export function contextsFile(env: Environment): string {
  const named = env["TITAN_CONTEXTS_FILE"];
  if (named !== undefined && named !== "") return named;
  const home = env["XDG_CONFIG_HOME"];
  const base = home !== undefined && home !== "" ? home : join(homedir(), ".config");
  return join(base, "titan-kv", "contexts.json");
}

/** Reads the file; no file is no contexts. */
export async function readContexts(env: Environment): Promise<Contexts> {
  const file = contextsFile(env);
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return { current: undefined, contexts: {} };
    throw localError(`${file} cannot be read: ${(error as Error).message}`, error);
  }
  try {
    const { current, contexts } = JSON.parse(text) as Partial<Contexts>;
    if (typeof contexts === "object" && Object.values(contexts).every(isContext))
      return { current, contexts };
  } catch {
    // Reported below, as any other content that is not a list of contexts.
  }
  throw localError(`${file} is not a file of contexts`, undefined, "correct it, or delete it to begin anew");
}

function isContext(value: unknown): value is Context {
  const endpoints = (value as Partial<Context> | null)?.endpoints;
  return Array.isArray(endpoints) && endpoints.every((endpoint) => typeof endpoint === "string");
}

/** Replaces the file. Only its owner may read it: it names the files of keys. */
export async function writeContexts(env: Environment, contexts: Contexts): Promise<void> {
  const file = contextsFile(env);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(`${file}.new`, `${JSON.stringify(contexts, undefined, 2)}\n`, { mode: 0o600 });
  await rename(`${file}.new`, file);
}

/** A context by its name. */
export function contextNamed({ contexts }: Contexts, name: string): Context {
  const context = Object.hasOwn(contexts, name) ? contexts[name] : undefined;
  if (context !== undefined) return context;
  const names = Object.keys(contexts);
  throw usageError(
    `there is no context ${JSON.stringify(name)}`,
    names.length === 0
      ? "make one with `titan context set NAME --endpoint host:port`"
      : `there are ${names.join(", ")}`,
  );
}
