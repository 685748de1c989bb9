import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { RaftGroup } from "../src/host/index.ts";
import { leaderOf, TestCluster, text, until, WordList } from "./host-cluster.ts";

let cluster: TestCluster;
let lists: WordList[];

beforeEach(() => {
  cluster = new TestCluster();
  lists = [];
});

afterEach(async () => {
  await cluster.stop();
});

async function threeReplicas(group = 1): Promise<RaftGroup<number>[]> {
  const groups: RaftGroup<number>[] = [];
  for (const node of [1, 2, 3]) {
    const list = new WordList();
    lists.push(list);
    const host = cluster.hosts.get(node) ?? cluster.start(node);
    groups.push(await host.createGroup({ group, replica: node, stateMachine: list, voters: [1, 2, 3] }));
  }
  return groups;
}

describe("a group of three", () => {
  test("elects a leader, and applies what is proposed on every replica", async () => {
    const groups = await threeReplicas();
    const leader = await leaderOf(groups);
    expect(await leader.propose(text("one"))).toBe(1);
    expect(await leader.proposeAll([text("two"), text("three")])).toEqual([2, 3]);
    await until(() => lists.every((list) => list.words.length === 3), "every replica to apply");
    for (const list of lists) expect(list.words).toEqual(["one", "two", "three"]);
  });

  test("a follower refuses proposals, and says who leads", async () => {
    const groups = await threeReplicas();
    const leader = await leaderOf(groups);
    const follower = groups.find((group) => group !== leader);
    await expect(follower?.propose(text("x"))).rejects.toMatchObject({
      code: "DROPPED",
      reason: "notLeader",
      leader: leader.replica,
    });
  });

  test("every replica serves linearizable reads", async () => {
    const groups = await threeReplicas();
    const leader = await leaderOf(groups);
    for (let count = 1; count <= 20; count++) {
      await leader.propose(text(String(count)));
      for (const group of groups) {
        await group.readIndex();
        expect(lists[group.replica - 1]?.words.length).toBe(count);
      }
    }
  });

  test("thousands of proposals made at once are all answered, in order", async () => {
    const leader = await leaderOf(await threeReplicas());
    const results = await Promise.all(
      Array.from({ length: 5000 }, (_, at) => leader.propose(text(String(at)))),
    );
    expect(results).toEqual(Array.from({ length: 5000 }, (_, at) => at + 1));
  });

  test("a new leader takes over when the old one dies, and nothing that was answered is lost", async () => {
    const groups = await threeReplicas();
    const leader = await leaderOf(groups);
    await leader.propose(text("before"));
    cluster.crash(leader.replica);
    const rest = groups.filter((group) => group !== leader);
    const next = await leaderOf(rest);
    expect(await next.propose(text("after"))).toBe(2);
  });

  test("leadership can be handed over", async () => {
    const groups = await threeReplicas();
    const leader = await leaderOf(groups);
    const target = groups.find((group) => group !== leader)?.replica ?? 0;
    await leader.transferLeader(target);
    expect((await leaderOf(groups)).replica).toBe(target);
  });
});
