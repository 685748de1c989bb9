import type { ReadPath } from "./read-path.ts";
import type { ShardReplica } from "./shard-replica.ts";
import type { WritePath } from "./write-path.ts";

/** A shard that has a replica on this node, with its two paths. */
export interface LocalShard {
  readonly replica: ShardReplica;
  readonly reads: ReadPath;
  readonly writes: WritePath;
}
