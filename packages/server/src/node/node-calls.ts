/** What a node asks of other nodes, through `PeerService`. */
import { type Client, createClient } from "@connectrpc/connect";
import { ConnectError } from "@connectrpc/connect";
import type { Alarm, NodeStatus, ReadOptions, Shard } from "@titan-kv/proto";
import { PeerService, type WatchShardResponse } from "@titan-kv/proto/peer";
import { ApiError } from "../http/api-error.ts";
import { fromConnectError, fromErrorInfo } from "../http/error-mapping.ts";
import type { ShardPage, ShardScanRequest } from "../kv/shard-scan.ts";
import { encodeMetaCommand, type MetaCommand, type MetaResult } from "../meta/meta-command.ts";
import type { PointReport } from "../repair/consistency-check.ts";
import type { FetchedRecord } from "../repair/heal-record.ts";
import type { RemoteFingerprint } from "../repair/repairer.ts";
import type { PeerNetwork } from "../peer/peer-network.ts";

/** How long a question between nodes may take, in milliseconds. */
const callTimeoutMs = 5000;
/** How long the status of a node is waited for: one that has just been cut off must not hold up the status of the rest. */
const reportTimeoutMs = 1000;

export class NodeCalls {
  readonly #network: PeerNetwork;

  constructor(network: PeerNetwork) {
    this.#network = network;
  }

  async meta(node: number, command: MetaCommand, hops: number): Promise<MetaResult> {
    const response = await this.#call(node, (client) =>
      client.metaCall({ command: encodeMetaCommand(command), hops }, { timeoutMs: callTimeoutMs }),
    );
    if (response.error !== undefined) throw fromErrorInfo(response.error, `node ${node} could not do it`);
    return JSON.parse(Buffer.from(response.result).toString()) as MetaResult;
  }

  async scanShard(
    node: number,
    shard: number,
    request: ShardScanRequest,
    read: ReadOptions | undefined,
  ): Promise<ShardPage> {
    const { start, end, reverse, limit, keysOnly } = request;
    const response = await this.#call(node, (client) =>
      client.scanShard(
        { shard, start, end, reverse, limit, keysOnly, ...(read === undefined ? {} : { read }) },
        { timeoutMs: callTimeoutMs },
      ),
    );
    const { origin } = response;
    return {
      more: response.more,
      origin: {
        shard,
        epoch: Number(origin?.epoch ?? 0n),
        term: Number(origin?.term ?? 0n),
        revision: Number(origin?.revision ?? 0n),
        node: origin?.node ?? node,
      },
      entries: response.entries.map(({ key, payload, keyRevision, expiresAtMs }) => ({
        key: Buffer.from(key),
        value: payload.case === "value" ? payload.value : new Uint8Array(0),
        version: Number(keyRevision),
        expiresAtMs: Number(expiresAtMs),
      })),
    };
  }

  async report(node: number): Promise<{ status?: NodeStatus | undefined; alarms: Alarm[]; shards: Shard[] }> {
    return this.#call(node, (client) => client.getNodeStatus({}, { timeoutMs: reportTimeoutMs }));
  }

  async transferShard(node: number, shard: number, toNode: number): Promise<number> {
    const { leader } = await this.#call(node, (client) =>
      client.transferShard({ shard, toNode }, { timeoutMs: callTimeoutMs }),
    );
    return leader;
  }

  /** A record as the other node's replica holds it, as of what the shard's leader had committed. */
  async fetchRecord(node: number, shard: number, key: Uint8Array): Promise<FetchedRecord> {
    const response = await this.#call(node, (client) =>
      client.fetchRecord({ shard, key: Buffer.from(key).toString("utf8") }, { timeoutMs: callTimeoutMs }),
    );
    const { found, value, keyRevision, expiresAtMs, appliedIndex } = response;
    const entry = { value, version: Number(keyRevision), expiresAtMs: Number(expiresAtMs) };
    return { entry: found ? entry : undefined, appliedIndex: Number(appliedIndex) };
  }

  /** What the other node's replica holds of a key once it has applied an index. */
  async fingerprint(
    node: number,
    shard: number,
    key: Uint8Array,
    atIndex: number,
  ): Promise<RemoteFingerprint> {
    const keys = [Buffer.from(key).toString("utf8")];
    const response = await this.#call(node, (client) =>
      client.compareKeys({ shard, atIndex: BigInt(atIndex), keys }, { timeoutMs: callTimeoutMs }),
    );
    const [fingerprint] = response.fingerprints;
    if (fingerprint === undefined) throw new Error(`node ${node} answered without a fingerprint`);
    const { keyRevision, checksum, damaged } = fingerprint;
    return { revision: Number(keyRevision), checksum, damaged, appliedIndex: Number(response.appliedIndex) };
  }

  /** What the other node's replica found at a point of comparison; `undefined` while it has nothing to say. */
  async pointReport(node: number, shard: number, index: number): Promise<PointReport | undefined> {
    const { available, chainHash, digests } = await this.#call(node, (client) =>
      client.compareDigests({ shard, atIndex: BigInt(index) }, { timeoutMs: callTimeoutMs }),
    );
    if (!available) return undefined;
    const slots = Object.entries(digests).map(([slot, digest]) => [Number(slot), digest] as const);
    return { index, chainHash, digests: slots.length === 0 ? undefined : new Map(slots) };
  }

  /** The changes of a shard as the other node applies them. */
  watchShard(
    node: number,
    shard: number,
    after: number | undefined,
    signal: AbortSignal,
  ): AsyncIterable<WatchShardResponse> {
    const afterRevision = after === undefined ? {} : { afterRevision: BigInt(after) };
    return this.client(node).watchShard({ shard, ...afterRevision }, { signal });
  }

  /** A client for calls that are not above. @throws ApiError UNAVAILABLE for a node without address. */
  client(node: number): Client<typeof PeerService> {
    const transport = this.#network.service(node);
    if (transport !== undefined) return createClient(PeerService, transport);
    throw new ApiError({
      reason: "UNAVAILABLE",
      outcome: "NOT_APPLIED",
      message: `node ${node} has no known address`,
    });
  }

  async #call<Result>(
    node: number,
    call: (client: Client<typeof PeerService>) => Promise<Result>,
  ): Promise<Result> {
    try {
      return await call(this.client(node));
    } catch (error) {
      throw error instanceof ConnectError ? fromConnectError(error) : error;
    }
  }
}
