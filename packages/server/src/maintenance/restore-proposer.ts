/** Brings the steps of a restore into the shards' logs, wherever the shards are led. */
import { setTimeout as sleep } from "node:timers/promises";
import { ApiError, asApiError } from "../http/api-error.ts";
import { keyRevisionOf, Refusal, refusalOf } from "../shard/applied-result.ts";
import { encodeRestore, type RestoreCommand } from "../shard/restore-command.ts";

/** How long a step is tried while its shard has no leader, and how long between tries, in milliseconds. */
const limitMs = 30_000;
const retryMs = 100;

/** What the proposer needs of its node. */
export interface RestoreRoutes {
  /** The node that leads a shard; 0 when unknown. */
  leaderOf(shard: number): number;
  /** Proposes on that node, which may be this one; resolves with the shard's packed answer. */
  propose(node: number, shard: number, command: Uint8Array): Promise<number>;
  readonly now: () => number;
  readonly wallClock: () => number;
}

export class RestoreProposer {
  readonly #routes: RestoreRoutes;

  constructor(routes: RestoreRoutes) {
    this.#routes = routes;
  }

  /**
   * Resolves with the number that the shard answers. Every step counts once however often it arrives, so that an unknown
   * outcome is tried again.
   * @throws ApiError FAILED_PRECONDITION when the shard refuses, or the last error when there is no leader in time.
   */
  async step(shard: number, command: RestoreCommand, signal?: AbortSignal): Promise<number> {
    const deadlineMs = this.#routes.now() + limitMs;
    for (;;) {
      signal?.throwIfAborted();
      let packed: number;
      try {
        const data = encodeRestore(this.#routes.wallClock(), command);
        // oxlint-disable-next-line no-await-in-loop -- tries follow each other
        packed = await this.#routes.propose(this.#routes.leaderOf(shard), shard, data);
      } catch (error) {
        if (this.#routes.now() >= deadlineMs) throw asApiError(error);
        // oxlint-disable-next-line no-await-in-loop -- as above
        await sleep(retryMs);
        continue;
      }
      const refusal = refusalOf(packed);
      if (refusal === undefined) return keyRevisionOf(packed);
      // A shard of a cluster that has just been founded is told what it owns a moment later.
      if (refusal !== Refusal.WrongShard || this.#routes.now() >= deadlineMs)
        throw refusedStep(shard, refusal);
      // oxlint-disable-next-line no-await-in-loop -- as above
      await sleep(retryMs);
    }
  }
}

/** What errors about a cluster with data carry as their subject. */
export const notEmptySubject = "NOT_EMPTY";

/** `where` says in which shard data was found, if that is known. */
export function notEmptyError(where: string): ApiError {
  return refused(
    notEmptySubject,
    `the cluster holds data${where}: a snapshot is restored into an empty cluster`,
  );
}

function refused(subject: string, message: string): ApiError {
  return new ApiError({ reason: "FAILED_PRECONDITION", outcome: "NOT_APPLIED", subject, message });
}

/** The refusal as an error; its subject is for programs. */
function refusedStep(shard: number, refusal: Refusal): ApiError {
  switch (refusal) {
    case Refusal.NotEmpty:
      return notEmptyError(` in shard ${shard}`);
    case Refusal.RestoreSuperseded:
      return refused("RESTORE_SUPERSEDED", "another restore has taken over");
    default:
      return refused("RESTORE_FAILED", `shard ${shard} did not take a part of the snapshot (${refusal})`);
  }
}
