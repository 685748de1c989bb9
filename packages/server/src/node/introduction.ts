/**
 * A node makes itself known: the founders found the cluster, and every node registers its directory's token and its
 * addresses, until the meta group has them.
 */
import type { Logger } from "pino";
import type { ClusterMap } from "../meta/cluster-map.ts";
import { nodeOf } from "../meta/cluster-map.ts";
import type { FoundCommand, MetaCommand, MetaResult, NodeDescription } from "../meta/meta-command.ts";

/** How often the node tries. */
const intervalMs = 200;

/** What the introduction needs of its node. */
export interface IntroductionContext {
  readonly node: number;
  readonly token: string;
  /** As it is now; ports may have been chosen by the system. */
  readonly description: NodeDescription;
  /** What a founder proposes; `undefined` for a node that joined. */
  readonly found: FoundCommand | undefined;
  readonly map: () => ClusterMap;
  readonly propose: (command: MetaCommand) => Promise<MetaResult>;
  /** The cluster does not want this node: it must stop. */
  readonly onRefused: (message: string) => void;
  readonly logger: Logger;
}

function isKnown({ map, node, token, description }: IntroductionContext): boolean {
  const record = nodeOf(map(), node);
  if (record === undefined || record.state === "joining" || record.token !== token) return false;
  const { address, peerAddress, zone, weight, version } = record;
  return JSON.stringify({ address, peerAddress, zone, weight, version }) === JSON.stringify(description);
}

export class Introduction {
  readonly #context: IntroductionContext;
  #timer: NodeJS.Timeout | undefined;
  #busy = false;

  constructor(context: IntroductionContext) {
    this.#context = context;
  }

  start(): void {
    this.#timer = setInterval(() => {
      if (this.#busy) return;
      this.#busy = true;
      this.#step()
        .catch((error: unknown) => this.#context.logger.debug({ err: error }, "the node is not known yet"))
        .finally(() => (this.#busy = false));
    }, intervalMs);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  async #step(): Promise<void> {
    const { map, found, node, token, description, propose, onRefused, logger } = this.#context;
    if (map().clusterId === "") {
      if (found !== undefined) await propose(found);
      return;
    }
    if (isKnown(this.#context)) {
      this.stop();
      return;
    }
    const result = await propose({ type: "introduce", node, token, description });
    if (result.ok) {
      logger.info({ node }, "the cluster knows this node");
      return;
    }
    if (result.refusal === "NODE_REMOVED" || result.refusal === "TOKEN_MISMATCH") {
      this.stop();
      onRefused(result.message);
    }
  }
}
