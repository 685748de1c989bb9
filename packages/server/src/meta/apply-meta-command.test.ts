import { expect, test } from "vitest";
import { applyMetaCommand } from "./apply-meta-command.ts";
import {
  type ClusterMap,
  emptyClusterMap,
  metaShard,
  nodeOfReplica,
  replicaIdOf,
  shardOf,
} from "./cluster-map.ts";
import { decodeMetaCommand, encodeMetaCommand, type MetaCommand, type MetaResult } from "./meta-command.ts";
import { metaVoters, slotOwners, targetNodes } from "./placement.ts";
import { nextPlacementStep } from "./reconcile-placement.ts";

function description(
  id: number,
  zone = "",
): { address: string; peerAddress: string; zone: string; weight: number; version: string } {
  return { address: `h${id}:4100`, peerAddress: `h${id}:4200`, zone, weight: 1, version: "0.1.0" };
}

function foundCommand(count: number, zones: readonly string[] = []): MetaCommand {
  const nodes = Array.from({ length: count }, (_, index) => ({
    id: index + 1,
    ...description(index + 1, zones[index] ?? ""),
  }));
  return { type: "found", clusterId: "c", replicationFactor: 3, nodes };
}

function founded(count: number, zones: readonly string[] = []): ClusterMap {
  return applyMetaCommand(emptyClusterMap, foundCommand(count, zones)).map;
}

/** Applies commands through their encoding, as the log does. */
function applyAll(map: ClusterMap, ...commands: MetaCommand[]): { map: ClusterMap; result: MetaResult } {
  let outcome: { map: ClusterMap; result: MetaResult } = { map, result: { ok: true } };
  for (const command of commands) {
    outcome = applyMetaCommand(outcome.map, decodeMetaCommand(encodeMetaCommand(command)));
  }
  return outcome;
}

/** Lets placement run to its end, with shard leaders that obey at once. */
function settle(map: ClusterMap): ClusterMap {
  let current = map;
  for (let steps = 0; steps < 100; steps += 1) {
    const step = nextPlacementStep(current);
    if (step === undefined) return current;
    current = applyAll(current, step).map;
    for (const { id, replicas } of current.shards) {
      current = applyAll(current, {
        type: "reportMembers",
        shard: id,
        members: replicas.map(({ replica }) => replica),
      }).map;
    }
  }
  throw new Error("placement does not come to rest");
}

test("founding gives every node a shard that it should lead, and every slot an owner", () => {
  const map = founded(3);
  expect(map.shards.map(({ id, preferredLeader }) => [id, preferredLeader])).toEqual([
    [0, 0],
    [1, 1],
    [2, 2],
    [3, 3],
  ]);
  expect(slotOwners(map).every((owner) => owner >= 1 && owner <= 3)).toBe(true);
  for (const shard of map.shards)
    expect(shard.replicas.map(({ node }) => node).toSorted((a, b) => a - b)).toEqual([1, 2, 3]);
});

test("founding twice changes nothing", () => {
  const map = founded(3);
  expect(applyAll(map, foundCommand(5)).map).toBe(map);
});

test("of five nodes each shard has three replicas, its own node among them", () => {
  const map = founded(5);
  for (const shard of map.shards.slice(1)) {
    expect(shard.replicas).toHaveLength(3);
    expect(shard.replicas[0]!.node).toBe(shard.preferredLeader);
  }
});

test("replicas are spread over zones before a zone gets a second one", () => {
  const map = founded(5, ["a", "a", "a", "b", "c"]);
  const zoneOf = new Map(map.nodes.map(({ id, zone }) => [id, zone]));
  for (const shard of map.shards.slice(1)) {
    expect(new Set(shard.replicas.map(({ node }) => zoneOf.get(node))).size).toBe(3);
  }
});

test("a node keeps its id and is refused once its directory is another one", () => {
  const map = applyAll(founded(3), {
    type: "introduce",
    node: 2,
    token: "first",
    description: description(2),
  }).map;
  const again = applyAll(map, { type: "introduce", node: 2, token: "first", description: description(2) });
  expect(again.result).toMatchObject({ ok: true, node: 2 });
  const other = applyAll(map, { type: "introduce", node: 2, token: "other", description: description(2) });
  expect(other.result).toMatchObject({ ok: false, refusal: "TOKEN_MISMATCH" });
  expect(other.map).toBe(map);
});

test("a registration that is repeated gets the same id, and the next one another", () => {
  const first = applyAll(founded(3), { type: "register", token: "t4", description: description(4) });
  expect(first.result).toMatchObject({ ok: true, node: 4 });
  expect(
    applyAll(first.map, { type: "register", token: "t4", description: description(4) }).result,
  ).toMatchObject({ node: 4 });
  expect(
    applyAll(first.map, { type: "register", token: "t5", description: description(5) }).result,
  ).toMatchObject({ node: 5 });
});

test("a joined node follows the meta group first and holds shards once it has introduced itself", () => {
  let { map } = applyAll(founded(3), { type: "register", token: "t4", description: description(4) });
  expect(shardOf(map, metaShard)!.replicas.find(({ node }) => node === 4)!.role).toBe("learner");
  expect(nextPlacementStep(map)).toBeUndefined();
  map = settle(applyAll(map, { type: "introduce", node: 4, token: "t4", description: description(4) }).map);
  const holders = map.shards.slice(1).flatMap(({ replicas }) => replicas.map(({ node }) => node));
  expect(holders).toContain(4);
  expect(holders).toHaveLength(9);
  expect(metaVoters(map)).toHaveLength(3);
});

test("a node that leaves is removed when nothing is left on it, and never comes back", () => {
  let map = founded(5);
  for (let id = 1; id <= 5; id += 1) {
    map = applyAll(map, { type: "introduce", node: id, token: `t${id}`, description: description(id) }).map;
  }
  const early = applyAll(map, { type: "setNodeState", node: 2, state: "removed" });
  expect(early.result).toMatchObject({ refusal: "STILL_HOLDS_REPLICAS" });
  map = settle(applyAll(map, { type: "setNodeState", node: 2, state: "leaving" }).map);
  expect(map.nodes.find(({ id }) => id === 2)!.state).toBe("removed");
  for (const shard of map.shards) expect(shard.replicas.map(({ node }) => node)).not.toContain(2);
  const back = applyAll(map, { type: "introduce", node: 2, token: "t2", description: description(2) });
  expect(back.result).toMatchObject({ refusal: "NODE_REMOVED" });
  expect(applyAll(map, { type: "register", token: "t2", description: description(2) }).result).toMatchObject({
    refusal: "NODE_REMOVED",
  });
});

test("a node that gets a replica of the same shard again gets it under a new id", () => {
  let map = settle(applyAll(founded(3), { type: "register", token: "t4", description: description(4) }).map);
  map = settle(applyAll(map, { type: "introduce", node: 4, token: "t4", description: description(4) }).map);
  const shard = map.shards.slice(1).find(({ replicas }) => !replicas.some(({ node }) => node === 1))!;
  map = settle(applyAll(map, { type: "setNodeState", node: 4, state: "leaving" }).map);
  const replica = shardOf(map, shard.id)!.replicas.find(({ node }) => node === 1)!.replica;
  expect(nodeOfReplica(replica)).toBe(1);
  expect(replica).not.toBe(replicaIdOf(1, 1));
});

test("a placement that was worked out for an older map is refused", () => {
  const map = founded(3);
  const result = applyAll(map, { type: "setReplicas", version: map.version - 1, shard: 1, replicas: [] });
  expect(result.result).toMatchObject({ refusal: "STALE_VERSION" });
});

test("the last node cannot leave", () => {
  expect(applyAll(founded(1), { type: "setNodeState", node: 1, state: "leaving" }).result).toMatchObject({
    refusal: "LAST_NODE",
  });
});

test("a replacement takes over what the other node was preferred for", () => {
  let map = applyAll(founded(3), { type: "register", token: "t4", description: description(4) }).map;
  map = settle(applyAll(map, { type: "introduce", node: 4, token: "t4", description: description(4) }).map);
  map = settle(applyAll(map, { type: "replaceNode", node: 3, replacement: 4 }).map);
  expect(shardOf(map, 3)!.preferredLeader).toBe(4);
  expect(map.nodes.find(({ id }) => id === 3)!.state).toBe("removed");
  expect(targetNodes(map, shardOf(map, 3)!)[0]).toBe(4);
});

test("the number of voters of the meta group is odd, or two", () => {
  expect([1, 2, 3, 4, 5, 7].map((count) => metaVoters(founded(count)).length)).toEqual([1, 2, 3, 3, 5, 5]);
});

test("whoever may still lead a shard follows the map by which it would change that shard's members", () => {
  let map = settle(applyAll(founded(3), { type: "register", token: "t4", description: description(4) }).map);
  map = settle(applyAll(map, { type: "introduce", node: 4, token: "t4", description: description(4) }).map);
  map = applyAll(map, { type: "setNodeState", node: 2, state: "leaving" }).map;
  const commands: MetaCommand[] = [];
  // Every leader reports what it has done long after the map has asked for it, one shard after the other.
  for (let round = 0; round < 100; round += 1) {
    const step = nextPlacementStep(map);
    const late = map.shards.find(({ replicas, members }) => !sameIds(replicas, members));
    const next: MetaCommand | undefined =
      step ??
      (late && {
        type: "reportMembers",
        shard: late.id,
        members: late.replicas.map(({ replica }) => replica),
      });
    if (next === undefined) break;
    commands.push(next);
    map = applyAll(map, next).map;
    const followers = shardOf(map, metaShard)!.replicas.map(({ node }) => node);
    for (const { id, members } of map.shards) {
      if (id !== metaShard) expect(followers).toEqual(expect.arrayContaining(members.map(nodeOfReplica)));
    }
  }
  expect(commands.length).toBeGreaterThan(4);
  expect(map.nodes.find(({ id }) => id === 2)?.state).toBe("removed");
  expect(shardOf(map, metaShard)!.replicas.map(({ node }) => node)).toEqual([1, 3, 4]);
});

/** Whether a shard's own members are those that it should have. */
function sameIds(replicas: readonly { readonly replica: number }[], members: readonly number[]): boolean {
  return replicas.length === members.length && replicas.every(({ replica }) => members.includes(replica));
}
