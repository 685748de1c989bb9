/** How parts of the cluster are called in tables. */
import { type Alarm, Alarm_Kind, NodeState, ReplicaRole, type Shard, type SlotRange } from "@titan-kv/proto";

const stateWords: Readonly<Record<NodeState, string>> = {
  [NodeState.UNSPECIFIED]: "unknown",
  [NodeState.JOINING]: "joining",
  [NodeState.ACTIVE]: "active",
  [NodeState.DRAINING]: "draining",
  [NodeState.LEAVING]: "leaving",
  [NodeState.REMOVED]: "removed",
};

/** What a node is to the cluster. */
export function stateWord(state: NodeState): string {
  return stateWords[state] ?? "unknown";
}

const alarmWords: Readonly<Record<Alarm_Kind, string>> = {
  [Alarm_Kind.UNSPECIFIED]: "unknown",
  [Alarm_Kind.NO_SPACE]: "disk full",
  [Alarm_Kind.FSYNC_FAILED]: "writes cannot be made durable",
  [Alarm_Kind.CORRUPT]: "damaged data",
  [Alarm_Kind.DIVERGED]: "replicas differ",
  [Alarm_Kind.NO_LEADER]: "no leader",
  [Alarm_Kind.SLOW_DISK]: "slow disk",
  [Alarm_Kind.RESTORING]: "restore not finished",
};

/** What an alarm is about. */
export function alarmWord({ kind }: Alarm): string {
  return alarmWords[kind] ?? "unknown";
}

/** `0-5461`, several with commas. */
export function slotWords(slots: readonly SlotRange[]): string {
  return slots.map(({ first, last }) => (first === last ? String(first) : `${first}-${last}`)).join(",");
}

/** How many slots there are in the ranges. */
export function slotCount(slots: readonly SlotRange[]): number {
  return slots.reduce((sum, { first, last }) => sum + last - first + 1, 0);
}

/** The replicas of a shard: `1* 2 3+5`: the leader has a star, who is behind the number of entries, learners a tilde. */
export function replicaWords({ replicas, leader }: Shard): string {
  return replicas
    .toSorted((one, other) => one.node - other.node)
    .map(({ node, role, lagEntries, fenced }) => {
      const mark = node === leader ? "*" : role === ReplicaRole.LEARNER ? "~" : "";
      return `${node}${mark}${lagEntries > 0n ? `+${lagEntries}` : ""}${fenced ? "!" : ""}`;
    })
    .join(" ");
}

const units = ["B", "KiB", "MiB", "GiB", "TiB"];

/** `12.3 MiB`. */
export function byteWords(bytes: number | bigint): string {
  let amount = Number(bytes);
  let unit = 0;
  while (amount >= 1024 && unit < units.length - 1) {
    amount /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? amount : amount.toFixed(1)} ${units[unit]}`;
}

/** `3m 5s`, the two largest units. */
export function durationWords(durationMs: number): string {
  const seconds = Math.max(0, Math.floor(durationMs / 1000));
  const parts = [
    [Math.floor(seconds / 86_400), "d"],
    [Math.floor(seconds / 3600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "m"],
    [seconds % 60, "s"],
  ] as const;
  const first = parts.findIndex(([count]) => count > 0);
  if (first < 0) return "0s";
  return parts
    .slice(first, first + 2)
    .map(([count, unit]) => `${count}${unit}`)
    .join(" ");
}
