/** Sends a command to whoever leads the meta group, from any node. */
import { RaftError } from "@titan-kv/raft";
import { ApiError, asApiError } from "../http/api-error.ts";
import type { MetaCommand, MetaResult } from "../meta/meta-command.ts";
import { apiErrorOfRaft } from "../kv/raft-errors.ts";

/** What the proposer needs of its node. */
export interface MetaRoutes {
  /** Proposes to this node's replica; undefined while there is none. */
  proposeHere(command: MetaCommand): Promise<MetaResult | undefined> | undefined;
  isLeader(): boolean;
  /** The node that leads the meta group; 0 when unknown. */
  leader(): number;
  /** Passes the command on to another node. */
  callNode(node: number, command: MetaCommand, hops: number): Promise<MetaResult>;
}

/** How often a command may be passed on before it is given up: nodes may disagree for a while about who leads. */
export const maxMetaHops = 3;
/** How often a command is tried while there is no leader, and how long between tries. */
const attempts = 20;
const retryMs = 100;

export class MetaProposer {
  readonly #routes: MetaRoutes;

  constructor(routes: MetaRoutes) {
    this.#routes = routes;
  }

  /**
   * Resolves with the group's answer. Every command may be repeated without harm, so that an unknown outcome is tried again.
   * @throws ApiError when no leader can be found.
   */
  async propose(command: MetaCommand): Promise<MetaResult> {
    let failure: unknown;
    for (let attempt = 0; attempt < attempts; attempt += 1) {
      try {
        // oxlint-disable-next-line no-await-in-loop -- tries follow each other
        return await this.proposeOnce(command, 0);
      } catch (error) {
        failure = error;
        // oxlint-disable-next-line no-await-in-loop -- as above
        await new Promise((resolve) => setTimeout(resolve, retryMs));
      }
    }
    throw asApiError(failure);
  }

  /** One try, on behalf of a node that passed the command on `hops` times already. @throws ApiError */
  async proposeOnce(command: MetaCommand, hops: number): Promise<MetaResult> {
    if (this.#routes.isLeader()) {
      try {
        const result = await this.#routes.proposeHere(command);
        if (result !== undefined) return result;
      } catch (error) {
        if (error instanceof RaftError) throw apiErrorOfRaft(error, { leader: undefined, epoch: 0 });
        throw error;
      }
    }
    const leader = this.#routes.leader();
    if (leader === 0 || hops >= maxMetaHops) {
      throw new ApiError({
        reason: "NOT_LEADER",
        outcome: "NOT_APPLIED",
        message: "the meta group has no known leader",
        retryAfterMs: retryMs,
      });
    }
    return this.#routes.callNode(leader, command, hops + 1);
  }
}
