/** A client for the length of a command, and better errors when the cluster does not answer. */
import { connect, type TitanClient } from "@titan-kv/client";
import type { GlobalOptions } from "../program/global-options.ts";
import { toCliError } from "../program/failure-report.ts";
import type { Terminal } from "../program/terminal.ts";
import { diagnose } from "./diagnosis.ts";
import { resolveTarget, type Target } from "./target.ts";

/** Values as commands have them: bytes. */
export type BytesClient = TitanClient<string | Uint8Array, Uint8Array>;

/** How long a command waits for the cluster to be found, in milliseconds. */
const connectTimeoutMs = 5000;

/** Opens a client. */
export function openClient(target: Target, timeoutMs: number | undefined): Promise<BytesClient> {
  return connect({
    seeds: target.urls,
    connectTimeoutMs: Math.min(connectTimeoutMs, timeoutMs ?? connectTimeoutMs),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(target.tls === undefined ? {} : { tls: target.tls }),
    ...(target.token === undefined ? {} : { token: target.token }),
  });
}

/** Runs `work` with a client of the cluster that is meant. @throws what it throws, explained where the cluster can. */
export async function withClient<Result>(
  { options, terminal }: { readonly options: GlobalOptions; readonly terminal: Terminal },
  work: (client: BytesClient, target: Target) => Promise<Result>,
): Promise<Result> {
  const target = await resolveTarget(options, terminal.env);
  try {
    await using client = await openClient(target, options.timeout);
    return await work(client, target);
  } catch (error) {
    throw await explained(error, target);
  }
}

/** The error with what the nodes that answer know about it. */
export async function explained(error: unknown, target: Target): Promise<unknown> {
  const known = toCliError(error);
  if (known === undefined) return error;
  const isAboutCluster =
    known.code === "UNAVAILABLE" || known.code === "OUTCOME_UNKNOWN" || known.code === "UNREACHABLE";
  return isAboutCluster ? ((await diagnose(target, known)) ?? known) : known;
}
