/** Calls that are not about data, to whichever node answers. */
import { type Client, Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { ClusterService, ErrorInfoSchema } from "@titan-kv/proto";
import { CliError } from "../program/cli-error.ts";
import type { Target } from "./target.ts";

/** How long a node may take to answer before the next one is asked, in milliseconds, unless the user says. */
const defaultTimeoutMs = 5000;

const refused = "nothing listens there";
const unknownHost = "there is no such host";

type ClusterClient = Client<typeof ClusterService>;

/** A client for one node. */
export function clusterClient(url: string, { tls, token }: Target): ClusterClient {
  return createClient(
    ClusterService,
    createConnectTransport({
      baseUrl: url,
      httpVersion: "1.1",
      nodeOptions: {
        ...(tls?.ca === undefined ? {} : { ca: tls.ca }),
        ...(tls?.cert === undefined ? {} : { cert: tls.cert }),
        ...(tls?.key === undefined ? {} : { key: tls.key }),
        // A connection that is kept for later would keep this process alive.
        agent: false,
      },
      interceptors:
        token === undefined
          ? []
          : [
              (next) => (request) => {
                request.header.set("authorization", `Bearer ${token}`);
                return next(request);
              },
            ],
    }),
  );
}

/** Whether what was heard, if anything, is not from a node: nodes give their errors a detail. */
function isUnreachable(error: unknown): boolean {
  return (
    error instanceof ConnectError &&
    (error.code === Code.Unavailable ||
      error.code === Code.DeadlineExceeded ||
      error.code === Code.Unknown ||
      // A TLS handshake that fails, something else than a node that answers, a connection that is reset.
      error.code === Code.Internal ||
      error.code === Code.Aborted) &&
    error.findDetails(ErrorInfoSchema).length === 0
  );
}

/** Why a node could not be reached, in a few words. */
export function unreachableReason(error: unknown): string {
  const deepest = (at: unknown): unknown =>
    at instanceof Error && at.cause !== undefined ? deepest(at.cause) : at;
  const cause = deepest(error) as NodeJS.ErrnoException;
  if (cause.code === "ECONNREFUSED") return refused;
  if (cause.code === "ENOTFOUND") return unknownHost;
  if (error instanceof ConnectError && error.code === Code.DeadlineExceeded) return "no answer in time";
  if (/^(?:ERR_SSL|EPROTO)/.test(cause.code ?? "")) return `TLS fails: ${tlsReason(cause)}`;
  return cause.message.replaceAll(/\s+/g, " ").trim();
}

/** What the TLS library says in its long line, such as "tlsv13 alert certificate required". */
function tlsReason(cause: NodeJS.ErrnoException): string {
  const { reason } = cause as { readonly reason?: string };
  return reason ?? cause.code ?? "";
}

/** What a call is. */
export interface CallSettings {
  readonly timeoutMs?: number | undefined;
  /** Whether it changes something; then it matters whether a node that did not answer may have heard it. */
  readonly changes?: boolean;
}

/**
 * Calls the first node that answers.
 * @throws CliError UNREACHABLE when none does, OUTCOME_UNKNOWN when one of them may have done what was asked, or what the
 * call threw.
 */
export async function callCluster<Answer>(
  target: Target,
  { timeoutMs, changes = false }: CallSettings,
  call: (client: ClusterClient, options: { readonly timeoutMs: number }) => Promise<Answer>,
): Promise<Answer> {
  const failures: string[] = [];
  let mayHaveArrived = false;
  let cause: unknown;
  for (const url of target.urls) {
    try {
      // oxlint-disable-next-line no-await-in-loop -- one node after the other
      return await call(clusterClient(url, target), { timeoutMs: timeoutMs ?? defaultTimeoutMs });
    } catch (error) {
      if (!isUnreachable(error)) throw error;
      cause = error;
      const reason = unreachableReason(error);
      failures.push(`${new URL(url).host} (${reason})`);
      mayHaveArrived ||= reason !== refused && reason !== unknownHost;
    }
  }
  if (changes && mayHaveArrived) {
    throw new CliError("OUTCOME_UNKNOWN", `no answer from ${failures.join(", ")}`, {
      cause,
      nextStep: "it may have been done: look with `titan status`",
    });
  }
  throw unreachable(target, failures, cause);
}

/** The error for a cluster of which nothing is heard. */
export function unreachable(target: Target, failures: readonly string[], cause: unknown): CliError {
  return new CliError("UNREACHABLE", `no node answers at ${failures.join(", ")}, from ${target.source}`, {
    cause,
    nextStep: "start a cluster with `titan dev`, or name a node with --endpoint host:port",
  });
}
