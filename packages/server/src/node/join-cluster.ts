/** How a node with an empty directory gets its id from a cluster that exists. */
import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { ClusterService, type JoinResponse } from "@titan-kv/proto";
import type { Logger } from "pino";

/** How long one seed is asked, and how long to wait before all are asked again. */
const callTimeoutMs = 15_000;
const retryMs = 1000;
/** Rounds over all seeds before the node gives up and says so. */
const maxRounds = 60;

/** What the node tells about itself. */
export interface JoinFields {
  readonly clusterId: string;
  readonly token: string;
  readonly address: string;
  readonly peerAddress: string;
  readonly zone: string;
  readonly weight: number;
  readonly version: string;
}

/** The cluster cannot be reached, or does not want this node. */
export class JoinError extends Error {
  override readonly name = "JoinError";
}

/** Asks the seeds in turn until one of them lets the node in. A repeated request gets the same id. @throws JoinError */
export async function joinCluster(
  seeds: readonly string[],
  fields: JoinFields,
  logger: Logger,
): Promise<JoinResponse> {
  let failure: unknown;
  for (let round = 0; round < maxRounds; round += 1) {
    for (const seed of seeds) {
      try {
        const baseUrl = seed.includes("://") ? seed : `http://${seed}`;
        const client = createClient(ClusterService, createConnectTransport({ baseUrl, httpVersion: "1.1" }));
        const { token: joinToken, ...rest } = fields;
        // oxlint-disable-next-line no-await-in-loop -- one seed after the other
        return await client.join({ joinToken, ...rest }, { timeoutMs: callTimeoutMs });
      } catch (error) {
        failure = error;
        logger.warn({ err: error, seed }, "could not join through this seed yet");
      }
    }
    // oxlint-disable-next-line no-await-in-loop -- waiting is the purpose
    await new Promise((resolve) => setTimeout(resolve, retryMs));
  }
  throw new JoinError(`none of ${seeds.join(", ")} let this node join`, { cause: failure });
}
