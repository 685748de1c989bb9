import type { Origin } from "./origin.ts";

/**
 * How fresh a read must be. Stronger levels cost more.
 *
 * - `"linearizable"` (default): sees every write that was acknowledged before the read began.
 * - `"lease"`: the same while the leader holds a lease; only as good as the bound on the drift of the nodes' clocks.
 *   Refused with STALE when the cluster does not use leases.
 * - `atLeast(result)`: sees at least the write or read that gave the result, on any replica: read your own writes.
 * - `boundedStaleness(ms)`: at most that far behind, measured from the last round that a quorum confirmed.
 * - `"local"`: whatever the replica at hand has applied, however old.
 */
export type ReadConsistency =
  | "linearizable"
  | "lease"
  | "local"
  | { readonly level: "at-least"; readonly minRevision: number }
  | { readonly level: "bounded"; readonly maxStalenessMs: number };

/**
 * The level that sees at least what `result` saw or did. Takes what `put`, `delete`, `getEntry`, `txn` and `batch` return.
 * Revisions count within a shard: use it for the same key, or for keys that share a part in braces.
 */
export function atLeast(result: { readonly origin: Origin }): ReadConsistency {
  return { level: "at-least", minRevision: result.origin.revision };
}

/** The level that is at most `maxStalenessMs` milliseconds behind; at least 1. */
export function boundedStaleness(maxStalenessMs: number): ReadConsistency {
  return { level: "bounded", maxStalenessMs };
}
