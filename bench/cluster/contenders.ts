/** What is compared: a system, and the client through which it is driven. */

/** What runs: a cluster of three nodes, or one server. */
export type SystemName = "titan" | "etcd" | "redis";

/** A client library, in one of its usual settings. */
export type DriverName = "titan" | "etcd3" | "etcd-lean" | "ioredis" | "ioredis-auto-pipelining";

/** A system together with a client: one row of a table. */
export interface Contender {
  readonly driver: DriverName;
  readonly system: SystemName;
  /** As tables name it. */
  readonly label: string;
}

/** In the order of the tables. The first is ours. */
export const contenders: readonly Contender[] = [
  { driver: "titan", system: "titan", label: "Titan-KV ×3, @titan-kv/client" },
  { driver: "etcd3", system: "etcd", label: "etcd ×3, npm etcd3" },
  { driver: "etcd-lean", system: "etcd", label: "etcd ×3, lean client to the leader" },
  { driver: "ioredis", system: "redis", label: "redis ×1, ioredis" },
  {
    driver: "ioredis-auto-pipelining",
    system: "redis",
    label: "redis ×1, ioredis with auto-pipelining",
  },
];

/** Systems in the order in which a round runs them. */
export const systemNames: readonly SystemName[] = ["titan", "etcd", "redis"];

/** The contender that a driver belongs to. */
export function contenderOf(driver: DriverName): Contender {
  const found = contenders.find((each) => each.driver === driver);
  if (found === undefined) throw new Error(`there is no driver ${driver}`);
  return found;
}
