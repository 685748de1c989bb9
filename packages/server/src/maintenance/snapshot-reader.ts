/**
 * Reads a snapshot and believes nothing: every block's checksum, the order of the blocks, the order and the slots of the
 * keys, the counts, and the digest over everything. What comes out before the end is right as far as it goes, but only
 * the last part says that the snapshot is whole.
 */
import { createHash } from "node:crypto";
import { SLOT_COUNT, slotOf } from "@titan-kv/ring";
import { readRecords, type SnapshotRecord } from "../shard/restore-command.ts";
import { systemKeyByte } from "../shard/shard-store.ts";
import { ChunkReader } from "../storage/chunk-reader.ts";
import { SnapshotError } from "./snapshot-error.ts";
import {
  blockChecksum,
  blockHeaderBytes,
  BlockKind,
  maxBlockBytes,
  type ShardDescription,
  type SnapshotHeader,
  snapshotMagic,
} from "./snapshot-format.ts";
import { parseEnd, parseHeader, parseShardEnd } from "./snapshot-header.ts";

/** What a whole snapshot holds. */
export interface SnapshotSummary extends SnapshotHeader {
  readonly keys: number;
  readonly bytes: number;
  /** SHA-256 of everything before the last block, in hexadecimal. */
  readonly digest: string;
}

/** A piece of a snapshot, in the order of the file. */
export type SnapshotPart =
  | { readonly type: "header"; readonly header: SnapshotHeader }
  /** Keys and values point into one buffer, which nobody changes. */
  | { readonly type: "records"; readonly records: readonly SnapshotRecord[] }
  | { readonly type: "end"; readonly summary: SnapshotSummary };

interface Block {
  readonly kind: number;
  readonly content: Uint8Array;
}

/** Reads the parts. @throws SnapshotError, or what `chunks` throws. */
export function readSnapshot(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<SnapshotPart, void> {
  return new SnapshotReader(chunks).parts();
}

/** Reads a snapshot to its end. @throws SnapshotError unless it is whole and sound, or what `chunks` throws. */
export async function verifySnapshot(chunks: AsyncIterable<Uint8Array>): Promise<SnapshotSummary> {
  for await (const part of readSnapshot(chunks)) if (part.type === "end") return part.summary;
  throw new SnapshotError(0, "it has no end");
}

class SnapshotReader {
  readonly #source: ChunkReader;
  readonly #hash = createHash("sha256");
  #blockStart = 0;
  #keys = 0;

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#source = new ChunkReader(chunks);
  }

  async *parts(): AsyncGenerator<SnapshotPart, void> {
    const header = await this.#header();
    yield { type: "header", header };
    for (const description of header.shards) yield* this.#shard(description);
    yield { type: "end", summary: await this.#end(header) };
  }

  async #header(): Promise<SnapshotHeader> {
    const magic = await this.#exactly(snapshotMagic.length);
    if (Buffer.compare(magic, snapshotMagic) !== 0) {
      throw this.#problem("it does not begin as a snapshot of a format that this release reads does");
    }
    this.#hash.update(magic);
    const { kind, content } = await this.#block();
    if (kind !== BlockKind.Header) throw this.#problem("it does not begin with its header");
    return this.#parsed(() => parseHeader(content));
  }

  async *#shard({ shard, slots, revision }: ShardDescription): AsyncGenerator<SnapshotPart, void> {
    const owned = new Uint8Array(SLOT_COUNT);
    for (const { first, last } of slots) owned.fill(1, first, last + 1);
    let keys = 0;
    let before: Uint8Array | undefined;
    for (;;) {
      // oxlint-disable-next-line no-await-in-loop -- one block after the other
      const { kind, content } = await this.#block();
      if (kind === BlockKind.ShardEnd) {
        const end = this.#parsed(() => parseShardEnd(content));
        if (end.shard !== shard || end.keys !== keys) throw this.#problem(`shard ${shard} is not whole`);
        this.#keys += keys;
        return;
      }
      if (kind !== BlockKind.Records) throw this.#problem(`shard ${shard} does not end`);
      const records = this.#parsed(() => [...readRecords(content)]);
      for (const record of records) {
        const { key } = record;
        if (key.length === 0 || key[0] === systemKeyByte || owned[slotOf(key)] !== 1) {
          throw this.#problem(`shard ${shard} has a key that is not its own`);
        }
        if (before !== undefined && Buffer.compare(before, key) >= 0)
          throw this.#problem("keys are out of order");
        if (record.revision > revision) throw this.#problem("a record is newer than its shard");
        before = key;
      }
      keys += records.length;
      yield { type: "records", records };
    }
  }

  async #end(header: SnapshotHeader): Promise<SnapshotSummary> {
    const digest = this.#hash.copy().digest("hex");
    const { kind, content } = await this.#block();
    if (kind !== BlockKind.End) throw this.#problem("something follows its last shard");
    const end = this.#parsed(() => parseEnd(content));
    if (end.sha256 !== digest) throw this.#problem("its digest does not match its content");
    if (end.keys !== this.#keys) throw this.#problem("it does not have the keys that it announces");
    const bytes = this.#source.taken;
    if ((await this.#source.some(1)) !== undefined) {
      this.#blockStart = bytes;
      throw this.#problem("something follows its end");
    }
    return { ...header, keys: end.keys, bytes, digest };
  }

  async #block(): Promise<Block> {
    this.#blockStart = this.#source.taken;
    const head = await this.#exactly(blockHeaderBytes);
    const length = head.readUInt32LE(1);
    if (length > maxBlockBytes) throw this.#problem(`a block announces ${length} bytes`);
    const content = await this.#exactly(length);
    if (blockChecksum(head, content) !== head.readUInt32LE(5))
      throw this.#problem("a block is damaged: its checksum is wrong");
    this.#hash.update(head);
    this.#hash.update(content);
    return { kind: head.readUInt8(0), content };
  }

  async #exactly(length: number): Promise<Buffer> {
    const bytes = await this.#source.exactly(length);
    if (bytes === undefined) throw new SnapshotError(this.#source.taken, "it is cut off");
    return bytes;
  }

  #parsed<Result>(parse: () => Result): Result {
    try {
      return parse();
    } catch (error) {
      throw this.#problem(`a block is not what it should be (${(error as Error).message})`);
    }
  }

  #problem(problem: string): SnapshotError {
    return new SnapshotError(this.#blockStart, problem);
  }
}
