/**
 * A backup: every shard at one point of its log, as one stream of bytes.
 *
 * All views are opened before the first byte is sent, each at a point not before the call. So everything that was
 * acknowledged before the call is in, and the points lie close together. What is in a view stays as it is while it is
 * copied; writes go on, and what they replace is kept on the disk until the copy is done.
 */
import { create } from "@bufbuild/protobuf";
import { crc32 } from "node:zlib";
import { type SaveSnapshotResponse, SaveSnapshotResponseSchema, SnapshotChunkSchema } from "@titan-kv/proto";
import { ApiError } from "../http/api-error.ts";
import { Pace } from "./pace.ts";
import { parseHeader } from "./snapshot-header.ts";
import type { SnapshotHeader } from "./snapshot-format.ts";
import { SnapshotWriter } from "./snapshot-writer.ts";
import type { ShardView } from "./shard-view.ts";

/** Backups that one node makes at a time. */
const maxSaves = 2;
/** What a caller waits before it tries again. */
const retryMs = 5000;

/** What a backup needs of its node. */
export interface SaveContext {
  /** The data shards. */
  shards(): readonly number[];
  /** Opens a view of a shard, on this node or on another. */
  open(shard: number): Promise<ShardView>;
  readonly clusterId: () => string;
  readonly release: string;
  readonly now: () => number;
  readonly wallClock: () => number;
}

/** Makes backups, a few at a time. */
export class SnapshotSaver {
  readonly #context: SaveContext;
  #running = 0;

  constructor(context: SaveContext) {
    this.#context = context;
  }

  /** @throws ApiError OVERLOADED when enough backups are being made, or what opening and reading a shard throws. */
  async *save(maxBytesPerSecond: number, signal: AbortSignal): AsyncGenerator<SaveSnapshotResponse, void> {
    if (this.#running >= maxSaves) {
      throw new ApiError({
        reason: "OVERLOADED",
        outcome: "NOT_APPLIED",
        message: `this node makes ${maxSaves} backups already`,
        retryAfterMs: retryMs,
      });
    }
    this.#running += 1;
    const views: ShardView[] = [];
    const release = (): void => {
      for (const view of views.splice(0)) view.release();
    };
    // A caller that goes away may leave this generator where it is: what it holds on to is let go of all the same.
    signal.addEventListener("abort", release);
    try {
      await this.#openAll(views);
      signal.throwIfAborted();
      yield* this.#stream([...views], maxBytesPerSecond, signal);
    } finally {
      signal.removeEventListener("abort", release);
      release();
      this.#running -= 1;
    }
  }

  async #openAll(views: ShardView[]): Promise<void> {
    const opened = await Promise.allSettled(this.#context.shards().map((shard) => this.#context.open(shard)));
    for (const view of opened) if (view.status === "fulfilled") views.push(view.value);
    const failed = opened.find((view) => view.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }

  async *#stream(
    views: readonly ShardView[],
    maxBytesPerSecond: number,
    signal: AbortSignal,
  ): AsyncGenerator<SaveSnapshotResponse, void> {
    const writer = new SnapshotWriter();
    const pace = new Pace(maxBytesPerSecond, this.#context.now);
    const sent = { offset: 0, keys: 0, shardsDone: 0 };
    const piece = (data: Uint8Array, view: ShardView | undefined, last = false): SaveSnapshotResponse => {
      const { shard = 0, revision = 0 } = view?.description ?? {};
      const chunk = create(SnapshotChunkSchema, {
        shard,
        revision: BigInt(revision),
        offset: BigInt(sent.offset),
        data,
        checksum: crc32(data),
        last,
      });
      sent.offset += data.length;
      const { shardsDone } = sent;
      return create(SaveSnapshotResponseSchema, {
        chunk,
        keys: BigInt(sent.keys),
        shardsDone,
        shards: views.length,
      });
    };
    yield piece(writer.begin(this.#header(views)), undefined);
    for (const view of views) {
      let keys = 0;
      for await (const block of view.blocks()) {
        signal.throwIfAborted();
        keys += block.keys;
        sent.keys += block.keys;
        const data = writer.records(block);
        yield piece(data, view);
        await pace.sent(data.length, signal);
      }
      sent.shardsDone += 1;
      yield piece(writer.endShard({ shard: view.description.shard, keys }), view);
    }
    yield piece(writer.end(), undefined, true);
  }

  #header(views: readonly ShardView[]): SnapshotHeader {
    const { clusterId, release, wallClock } = this.#context;
    const shards = views.map(({ description }) => description);
    const header = { clusterId: clusterId(), savedAtMs: wallClock(), release, shards };
    try {
      // What cannot be restored must not be saved: between the views a slot may have changed hands.
      return parseHeader(Buffer.from(JSON.stringify(header)));
    } catch (error) {
      throw new ApiError({
        reason: "UNAVAILABLE",
        outcome: "NOT_APPLIED",
        message: `the shards do not own every slot once at the moment: ${(error as Error).message}`,
        retryAfterMs: retryMs,
      });
    }
  }
}
