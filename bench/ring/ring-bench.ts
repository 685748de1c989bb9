/**
 * @titan-kv/ring beside npm's hashring and consistent-hash, in one run on one machine. Read the ratios, not the figures.
 *
 *     pnpm build && node bench/ring/ring-bench.ts
 */

import { cpus } from "node:os";
import { assignSlots, diff, hashKey, HashRing, slotOf } from "@titan-kv/ring";
import ConsistentHash from "consistent-hash";
import RivalHashRing from "hashring";
import { bytesOf, callsPerSecond, flat, medianMs, printTable, type Subject } from "./measure.ts";

const memberCount = 10;
const virtualNodes = 150;
const namesOf = (count: number): string[] => Array.from({ length: count }, (_, index) => `node-${index}`);
const ids = namesOf(memberCount);
const keyCount = 65_536;

/** hashring makes 4 points of each of its virtual nodes; 38 make 152 points, the nearest to 150. */
const hashringVirtualNodes = 38;

const ring = (members: readonly string[]): HashRing => new HashRing(members, { virtualNodes });
const hashring = (members: readonly string[]): RivalHashRing =>
  new RivalHashRing(members, "md5", { "vnode count": hashringVirtualNodes });
const consistentHash = (members: readonly string[]): ConsistentHash => {
  const built = new ConsistentHash({ weight: virtualNodes });
  for (const member of members) built.add(member);
  // It sorts its points at the first lookup.
  built.get("");
  return built;
};

const millions = (value: number): string => (value / 1e6).toFixed(1);

const keySets: Record<string, string[]> = {
  "user:N, 6-10 characters": flat(Array.from({ length: keyCount }, (_, index) => `user:${index}`)),
  "hexadecimal, 36 characters": flat(
    Array.from({ length: keyCount }, (_, index) =>
      Math.imul(index, 0x9e3779b1).toString(16).padStart(9, "0").repeat(4),
    ),
  ),
  "{user:N}:cart, tagged": flat(Array.from({ length: keyCount }, (_, index) => `{user:${index}}:cart`)),
  "ключ:N, not ASCII": flat(Array.from({ length: keyCount }, (_, index) => `ключ:${index}`)),
  "256 hot keys": flat(Array.from({ length: 256 }, (_, index) => `user:${index}`)),
};

function printLookups(): void {
  const ours = ring(ids);
  const theirs = hashring(ids);
  const other = consistentHash(ids);
  const table = assignSlots(ours);
  const subjects: Subject[] = [
    { name: "getNode", call: (key) => ours.getNode(key).length },
    { name: "hashring", call: (key) => theirs.get(key).length },
    { name: "consistent-hash", call: (key) => other.get(key).length },
    { name: "hashKey", call: (key) => hashKey(key) | 0 },
    { name: "slotOf", call: (key) => slotOf(key) },
    { name: "slot table", call: (key) => table.getNode(key).length },
    { name: "3 replicas", call: (key) => ours.getReplicas(key, 3).length },
    { name: "hashring 3", call: (key) => theirs.range(key, 3).length },
    { name: "consistent-hash 3", call: (key) => other.get(key, 3).length },
  ];
  const rows = Object.entries(keySets).map(([name, keys]) => {
    const rates = callsPerSecond(subjects, keys);
    return { name, rate: (subject: string): number => rates.get(subject)! };
  });
  printTable(
    `Lookups, millions a second (${memberCount} members, ${virtualNodes} points each)`,
    ["keys", "getNode", "hashring", "ratio", "consistent-hash", "ratio"],
    rows.map(({ name, rate }) => [
      name,
      millions(rate("getNode")),
      millions(rate("hashring")),
      `${(rate("getNode") / rate("hashring")).toFixed(1)}x`,
      millions(rate("consistent-hash")),
      `${(rate("getNode") / rate("consistent-hash")).toFixed(1)}x`,
    ]),
  );
  printTable(
    "Other calls, millions a second",
    ["keys", ...subjects.slice(3).map((subject) => subject.name)],
    rows.map(({ name, rate }) => [name, ...subjects.slice(3).map((subject) => millions(rate(subject.name)))]),
  );
}

function printBuilding(): void {
  const sizes = [10, 50, 100];
  printTable(
    "Building a ring, milliseconds; bytes kept per member",
    ["members", "ring ms", "hashring ms", "consistent-hash ms", "ring B", "hashring B", "consistent-hash B"],
    sizes.map((size) => {
      const members = namesOf(size);
      const makers = [() => ring(members), () => hashring(members), () => consistentHash(members)];
      return [
        String(size),
        ...makers.map((make) => medianMs(make).toFixed(2)),
        ...makers.map((make) => (bytesOf(make) / size).toFixed(0)),
      ];
    }),
  );
  const ten = ring(ids);
  const grown = ten.add("node-10");
  printTable(
    `Rare operations on ${memberCount} members, milliseconds`,
    ["add", "diff", "ownership", "assignSlots", "assignSlots, cap 1.05", "toJSON + fromJSON"],
    [
      [
        () => ten.add("node-10"),
        () => diff(ten, grown),
        () => ten.ownership(),
        () => assignSlots(ten),
        () => assignSlots(ten, { maxLoad: 1.05 }),
        () => HashRing.fromJSON(JSON.parse(JSON.stringify(ten))),
      ].map((call) => medianMs(call).toFixed(2)),
    ],
  );
}

/** A router that can take one more member. */
interface Growing {
  lookup(key: string): string;
  /** The router with one more member; the old one may be the same object, changed. */
  grow(member: string): Growing;
}

const routers: Record<string, (members: readonly string[]) => Growing> = {
  ring: (members) => growingRing(ring(members)),
  hashring: (members) => growingInPlace(hashring(members)),
  "consistent-hash": (members) => growingInPlace(consistentHash(members)),
};

function growingRing(current: HashRing): Growing {
  return {
    lookup: (key) => current.getNode(key),
    grow: (member) => growingRing(current.add(member)),
  };
}

function growingInPlace(current: { get(key: string): string; add(member: string): unknown }): Growing {
  return {
    lookup: (key) => current.get(key),
    grow: (member) => {
      current.add(member);
      return growingInPlace(current);
    },
  };
}

/** Loads of the members before, and keys that move, when one joins. */
function joinOnce(
  make: (members: readonly string[]) => Growing,
  keys: readonly string[],
  trial: number,
): { readonly fullest: number; readonly moved: number; readonly between: number } {
  const newcomer = `t${trial}-node-${memberCount}`;
  const before = make(Array.from({ length: memberCount }, (_, index) => `t${trial}-node-${index}`));
  const oldOwners = keys.map((key) => before.lookup(key));
  const counts = new Map<string, number>();
  for (const owner of oldOwners) counts.set(owner, (counts.get(owner) ?? 0) + 1);
  const after = before.grow(newcomer);
  const newOwners = keys.map((key) => after.lookup(key));
  const moved = newOwners.filter((owner, index) => owner !== oldOwners[index]);
  return {
    fullest: (Math.max(...counts.values()) / keys.length) * memberCount,
    moved: moved.length / keys.length,
    between: moved.filter((owner) => owner !== newcomer).length / keys.length,
  };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function printBalance(): void {
  const keys = flat(Array.from({ length: 200_000 }, (_, index) => `user:${index}`));
  const trials = Array.from({ length: 20 }, (_, trial) => trial);
  const rows = Object.entries(routers).map(([name, make]) => {
    const joins = trials.map((trial) => joinOnce(make, keys, trial));
    return [
      name,
      mean(joins.map((join) => join.fullest)).toFixed(3),
      Math.max(...joins.map((join) => join.fullest)).toFixed(3),
      (mean(joins.map((join) => join.moved)) * 100).toFixed(2),
      (mean(joins.map((join) => join.between)) * 100).toFixed(2),
    ];
  });
  printTable(
    `Balance of ${memberCount} members and movement when one joins (${trials.length} sets of names, ${keys.length} keys; ideal ${(100 / (memberCount + 1)).toFixed(2)} %)`,
    ["", "fullest / mean", "worst of all", "keys moved %", "between old members %"],
    rows,
  );
  console.log(
    "\nconsistent-hash places its points with Math.random: two processes with the same members disagree.",
  );
}

console.log(`Node ${process.version}, ${cpus().length} x ${cpus()[0]?.model ?? "unknown processor"}`);
printLookups();
printBuilding();
printBalance();
