/**
 * The parts of a snapshot file. SNAPSHOT.md beside the package's README describes it to the byte; writer and reader share
 * what is here.
 */
import { crc32 } from "node:zlib";
import { WireWriter } from "@titan-kv/proto/pipeline";
import type { SlotRun } from "../shard/command.ts";
import type { SnapshotRecord } from "../shard/restore-command.ts";

/** The first bytes of a file, the last of which is the format's number. */
export const snapshotMagic: Uint8Array = Buffer.from("TITANSNP\0\0\0\0\0\0\0\u0001", "latin1");

/** Kind, length and checksum before the content of each block. */
export const blockHeaderBytes = 9;
/** A block is closed when its records have this many bytes. */
export const blockTargetBytes: number = 256 * 1024;
/** A longer block is none of ours: the largest record of any configuration fits. */
export const maxBlockBytes: number = 64 * 1024 * 1024;

export const BlockKind = {
  /** What is in the file. The first block, and only that. */
  Header: 1,
  /** Records of the shard whose turn it is. */
  Records: 2,
  /** The shard is complete. */
  ShardEnd: 3,
  /** The file is complete. The last block, and only that. */
  End: 4,
} as const;
export type BlockKind = (typeof BlockKind)[keyof typeof BlockKind];

/** A shard at the point of its log that the snapshot shows. */
export interface ShardDescription {
  readonly shard: number;
  readonly appliedIndex: number;
  readonly revision: number;
  /** Keys whose time was over by then are not in the snapshot. */
  readonly logTimeMs: number;
  /** Date of the youngest session that the shard has heard of, in milliseconds since 1970. */
  readonly sessionsThroughMs: number;
  readonly slots: readonly SlotRun[];
}

/** Content of the Header block, as JSON. */
export interface SnapshotHeader {
  readonly clusterId: string;
  /** By the clock of the node that saved it, in milliseconds since 1970. */
  readonly savedAtMs: number;
  /** The release that wrote it. */
  readonly release: string;
  /** In the order in which their records follow. */
  readonly shards: readonly ShardDescription[];
}

/** Content of a ShardEnd block, as JSON. */
export interface ShardEnd {
  readonly shard: number;
  readonly keys: number;
}

/** Content of the End block, as JSON. */
export interface SnapshotEnd {
  readonly keys: number;
  /** SHA-256 of all bytes before this block, in hexadecimal. */
  readonly sha256: string;
}

/** The checksum of a block: over kind and length, then its content. */
export function blockChecksum(head: Uint8Array, content: Uint8Array): number {
  return crc32(content, crc32(head.subarray(0, 5)));
}

/** Collects records until they are a block. */
export class RecordsBuilder {
  readonly #writer = new WireWriter();
  #keys = 0;

  get bytes(): number {
    return this.#writer.position;
  }

  get keys(): number {
    return this.#keys;
  }

  add({ key, value, revision, expiresAtMs }: SnapshotRecord): void {
    const writer = this.#writer;
    writer.reserve(32 + key.length + value.length);
    for (const number of [key.length, value.length, revision, expiresAtMs]) writer.varint(number);
    writer.bytes(key);
    writer.bytes(value);
    this.#keys += 1;
  }

  /** The records so far; the builder is empty again. */
  take(): { readonly records: Uint8Array; readonly keys: number } {
    const taken = { records: this.#writer.take(), keys: this.#keys };
    this.#keys = 0;
    return taken;
  }
}
