import { createHash } from "node:crypto";
import {
  blockChecksum,
  blockHeaderBytes,
  BlockKind,
  type ShardEnd,
  type SnapshotEnd,
  type SnapshotHeader,
  snapshotMagic,
} from "./snapshot-format.ts";

/** Turns the content of a snapshot into the bytes of its file, block by block. */
export class SnapshotWriter {
  readonly #hash = createHash("sha256");
  #keys = 0;

  begin(header: SnapshotHeader): Uint8Array {
    this.#hash.update(snapshotMagic);
    return Buffer.concat([snapshotMagic, this.#block(BlockKind.Header, jsonOf(header))]);
  }

  records({ records, keys }: { readonly records: Uint8Array; readonly keys: number }): Uint8Array {
    this.#keys += keys;
    return this.#block(BlockKind.Records, records);
  }

  endShard(end: ShardEnd): Uint8Array {
    return this.#block(BlockKind.ShardEnd, jsonOf(end));
  }

  end(): Uint8Array {
    const end: SnapshotEnd = { keys: this.#keys, sha256: this.#hash.copy().digest("hex") };
    return this.#block(BlockKind.End, jsonOf(end));
  }

  #block(kind: BlockKind, content: Uint8Array): Uint8Array {
    const block = Buffer.allocUnsafe(blockHeaderBytes + content.length);
    block.writeUInt8(kind, 0);
    block.writeUInt32LE(content.length, 1);
    block.writeUInt32LE(blockChecksum(block, content), 5);
    block.set(content, blockHeaderBytes);
    this.#hash.update(block);
    return block;
  }
}

function jsonOf(content: object): Uint8Array {
  return Buffer.from(JSON.stringify(content));
}
