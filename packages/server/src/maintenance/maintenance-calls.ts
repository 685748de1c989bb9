/** Maintenance of any node: of this one directly, of others through `PeerService`. */
import { type Client, ConnectError } from "@connectrpc/connect";
import type { Alarm_Kind as AlarmKind, VerifyResponse } from "@titan-kv/proto";
import type { PeerService } from "@titan-kv/proto/peer";
import { ApiError } from "../http/api-error.ts";
import { fromConnectError } from "../http/error-mapping.ts";
import type { NodeCalls } from "../node/node-calls.ts";
import type { NodeRuntime } from "../node/node-runtime.ts";
import type { Comparison } from "../repair/consistency-check.ts";
import type { NodeMaintenance } from "./node-maintenance.ts";
import { openRemoteView } from "./remote-shard-view.ts";
import type { ShardView } from "./shard-view.ts";

/** How long another node may take, in milliseconds: to take a step of a restore, to compare, to merge everything. */
const stepTimeoutMs = 10_000;
const compareTimeoutMs = 120_000;
const compactTimeoutMs = 3_600_000;

export class MaintenanceCalls {
  readonly #runtime: NodeRuntime;
  readonly #calls: NodeCalls;
  readonly #here: NodeMaintenance;

  constructor(fields: { runtime: NodeRuntime; calls: NodeCalls; here: NodeMaintenance }) {
    this.#runtime = fields.runtime;
    this.#calls = fields.calls;
    this.#here = fields.here;
  }

  /** Opens a view of a shard: of the replica here, or of one on another node. @throws ApiError */
  async openView(shard: number): Promise<ShardView> {
    const { shards } = this.#runtime;
    let failure: unknown;
    if (shards.get(shard) !== undefined) {
      try {
        return await this.#here.openView(shard);
      } catch (error) {
        failure = error;
      }
    }
    for (const node of this.#runtime.otherHolders(shard)) {
      try {
        // oxlint-disable-next-line no-await-in-loop -- the next one is asked only if this one cannot help
        return await openRemoteView((signal) => this.#calls.client(node).saveShard({ shard }, { signal }));
      } catch (error) {
        failure ??= error;
      }
    }
    throw failure ?? unknownNode(0);
  }

  async restoreStep(node: number, shard: number, command: Uint8Array): Promise<number> {
    if (node === this.#runtime.node) return this.#here.restoreStep(shard, command);
    const { packed } = await this.#ask(node, (client) =>
      client.restoreShard({ shard, command }, { timeoutMs: stepTimeoutMs }),
    );
    return Number(packed);
  }

  async *scrub(node: number, signal: AbortSignal): AsyncGenerator<VerifyResponse, void> {
    if (node === this.#runtime.node) {
      yield* this.#here.scrub(signal);
      return;
    }
    try {
      const messages = this.#calls.client(node).scrubReplicas({}, { signal });
      for await (const { progress } of messages) if (progress !== undefined) yield progress;
    } catch (error) {
      throw error instanceof ConnectError ? fromConnectError(error) : error;
    }
  }

  /** @throws ApiError NOT_LEADER when nobody leads the shard. */
  async compare(shard: number): Promise<Comparison> {
    const leader = this.#runtime.board.leaderOf(shard);
    if (leader === this.#runtime.node) return this.#here.compare(shard);
    return this.#ask(leader, (client) => client.compareReplicas({ shard }, { timeoutMs: compareTimeoutMs }));
  }

  async compact(node: number): Promise<number> {
    if (node === this.#runtime.node) return this.#here.compact();
    const { freedBytes } = await this.#ask(node, (client) =>
      client.compactNode({}, { timeoutMs: compactTimeoutMs }),
    );
    return Number(freedBytes);
  }

  async clearAlarm(node: number, kind: AlarmKind, shard: number | undefined): Promise<number> {
    if (node === this.#runtime.node) return this.#here.clearAlarm(kind, shard);
    const { cleared } = await this.#ask(node, (client) =>
      client.clearNodeAlarm(
        { kind, ...(shard === undefined ? {} : { shard }) },
        { timeoutMs: stepTimeoutMs },
      ),
    );
    return cleared;
  }

  async setLogLevel(node: number, level: string): Promise<void> {
    if (node === this.#runtime.node) this.#here.setLogLevel(level);
    else await this.#ask(node, (client) => client.setNodeLogLevel({ level }, { timeoutMs: stepTimeoutMs }));
  }

  async #ask<Result>(
    node: number,
    call: (client: Client<typeof PeerService>) => Promise<Result>,
  ): Promise<Result> {
    if (node === 0) throw unknownNode(node);
    try {
      return await call(this.#calls.client(node));
    } catch (error) {
      throw error instanceof ConnectError ? fromConnectError(error) : error;
    }
  }
}

function unknownNode(node: number): ApiError {
  return new ApiError({
    reason: "NOT_LEADER",
    outcome: "NOT_APPLIED",
    message: node === 0 ? "the shard has no known leader" : `node ${node} has no known address`,
    retryAfterMs: 100,
  });
}
