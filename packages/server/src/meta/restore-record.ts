/**
 * What the cluster map remembers of restores from snapshots. The map decides when a restored cluster is whole: shards that
 * have all their records stay closed until the map says that every shard has.
 */
import type { ClusterMap } from "./cluster-map.ts";
import type { MetaRefusal } from "./meta-command.ts";

/** Restores of the cluster's life; each has a number, from 1. */
export interface RestoreRecord {
  /** The last one that was begun. */
  readonly begun: number;
  /** The last one that was finished; shards that it has sealed may be opened. */
  readonly finished: number;
  /** Whether the last one is under way, or was interrupted. */
  readonly active: boolean;
  /** Names the call that began it, which may have to repeat itself. */
  readonly token: string;
  /** When the last one was begun, in milliseconds since 1970, by the clock of the node that began it. */
  readonly beganMs: number;
}

/** Of a cluster that was never restored. */
export const noRestores: RestoreRecord = { begun: 0, finished: 0, active: false, token: "", beganMs: 0 };

/** A step of a restore, as the meta group's log holds it. */
export type RestoreMetaCommand =
  /** Begins one. `restart` begins although an earlier one has not finished. */
  | {
      readonly type: "beginRestore";
      readonly restart: boolean;
      /** Random, the same in each repetition. */
      readonly token: string;
      readonly beganMs: number;
    }
  /** Every shard has all its records: from here on the cluster is whole. */
  | { readonly type: "finishRestore"; readonly number: number }
  /** Nothing of it is left. */
  | { readonly type: "abandonRestore"; readonly number: number };

/** The record after a command, or why it stays as it is. */
export type RestoreDecision =
  | { readonly record: RestoreRecord }
  | { readonly refusal: MetaRefusal; readonly message: string };

export function restoresOf(map: ClusterMap): RestoreRecord {
  return map.restores ?? noRestores;
}

export function decideRestore(record: RestoreRecord, command: RestoreMetaCommand): RestoreDecision {
  if (command.type === "beginRestore") {
    const { token, beganMs } = command;
    if (record.active && record.token === token) return { record };
    if (record.active && !command.restart) {
      const since = new Date(record.beganMs).toISOString();
      const message =
        `a restore was begun at ${since} and has not finished; ` +
        "if it does not run any more, begin again with restart, or abandon it";
      return { refusal: "RESTORE_UNFINISHED", message };
    }
    return { record: { ...record, begun: record.begun + 1, active: true, token, beganMs } };
  }
  const isFinish = command.type === "finishRestore";
  const { number } = command;
  if (number === record.begun && !record.active && (record.finished === number) === isFinish)
    return { record };
  if (number !== record.begun || !record.active) {
    return { refusal: "RESTORE_SUPERSEDED", message: "another restore has taken over" };
  }
  return { record: { ...record, active: false, ...(isFinish ? { finished: number } : {}) } };
}
