// Raft paper, sections 5.2 and 5.4.1; dissertation, sections 4.2.3 (disruptive servers), 6.2 (check quorum), 9.6 (pre-vote).

import type { Message } from "@titan-kv/raft";
import { Cluster } from "@titan-kv/raft/testing";
import { describe, expect, it } from "vitest";

const three = [1, 2, 3];

function termOf(cluster: Cluster, id: number): number {
  return cluster.node(id).raw.status().hardState.term;
}

function messageTo(to: number, fields: Partial<Message> & Pick<Message, "type">): Message {
  // eslint-disable-next-line typescript/no-unsafe-type-assertion -- the tests below spell out the fields their type needs
  return { from: 2, to, term: 2, ...fields } as Message;
}

describe("section 5.2: leader election", () => {
  it("a follower that hears nothing for its timeout wins with a majority", () => {
    const cluster = new Cluster({ voters: three });
    cluster.trace(true);
    cluster.tick(1, 9);
    expect(cluster.transcript()).toEqual([]);
    cluster.network.partition([[1, 2]]);
    cluster.tick(1);
    expect(cluster.transcript()).toEqual([
      "1 is preCandidate in term 1",
      "1→2 pre-vote term 2 wanted last 1@1",
      "2→1 pre-vote term 2 granted",
      "1 is candidate in term 2",
      "1→2 vote term 2 wanted last 1@1",
      "2→1 vote term 2 granted",
      "1 is leader in term 2",
      "1→2 append term 2 after 1@1 commit 1 [2@2 empty]",
      "2 is follower of 1 in term 2",
      "2→1 append term 2 accepted to 2",
      "1 applies 2@2 empty",
      "1→2 append term 2 after 2@2 commit 2",
      "2 applies 2@2 empty",
      "2→1 append term 2 accepted to 2",
    ]);
  });

  it("the only voter of a group leads alone", () => {
    const cluster = new Cluster({ voters: [1] });
    cluster.campaign(1);
    cluster.propose(1, "x");
    expect(cluster.transcript()).toEqual([
      "1 is candidate in term 2",
      "1 is leader in term 2",
      "1 applies 2@2 empty",
      '1 applies 3@2 "x"',
    ]);
  });

  it("timeouts are drawn anew for each attempt and stay within their bounds", () => {
    const drawn: number[] = [];
    const cluster = new Cluster({
      voters: three,
      extraElectionTicks: () => {
        drawn.push(drawn.length);
        return drawn.length % 10;
      },
    });
    cluster.network.partition([]);
    const before = drawn.length;
    cluster.tick(1, 60);
    expect(drawn.length - before).toBeGreaterThanOrEqual(3);
    expect(() => new Cluster({ voters: three, extraElectionTicks: () => 10 })).toThrow(
      /not an integer in \[0, 10\)/,
    );
  });

  it("votes split between two candidates decide nothing until one of them tries again", () => {
    const cluster = new Cluster({ voters: [1, 2, 3, 4], config: { preVote: false } });
    cluster.node(1).raw.campaign();
    cluster.node(2).raw.campaign();
    cluster.network.partition([
      [1, 3],
      [2, 4],
    ]);
    cluster.settle();
    expect(cluster.inRole("candidate")).toEqual([1, 2]);
    cluster.network.heal();
    cluster.campaign(1);
    expect(cluster.inRole("leader")).toEqual([1]);
  });

  it("answers of learners are not counted", () => {
    const cluster = new Cluster({ voters: three });
    cluster.campaign(1);
    cluster.join(4);
    cluster.join(5);
    cluster.change(1, { transition: "auto", changes: [{ type: "addLearner", replica: 4 }] });
    cluster.change(1, { transition: "auto", changes: [{ type: "addLearner", replica: 5 }] });
    cluster.network.partition([[2, 4, 5]]);
    cluster.tickAll(30, [2, 4, 5]);
    expect(cluster.inRole("leader")).toEqual([1]);
    const node = cluster.node(2).raw;
    node.step(
      messageTo(2, {
        type: "voteResponse",
        from: 4,
        term: 3,
        preVote: true,
        reject: false,
        commit: 0,
        commitTerm: 0,
      }),
    );
    node.step(
      messageTo(2, {
        type: "voteResponse",
        from: 5,
        term: 3,
        preVote: true,
        reject: false,
        commit: 0,
        commitTerm: 0,
      }),
    );
    expect(node.status().role).toBe("preCandidate");
  });
});

describe("section 5.4.1: election restriction", () => {
  it("a candidate whose log is behind is refused by those who have more", () => {
    const cluster = new Cluster({ voters: three });
    cluster.campaign(1);
    cluster.network.partition([[1, 2]]);
    cluster.propose(1, "on 1 and 2");
    cluster.network.partition([[2, 3]]);
    cluster.tickAll(10, [2, 3]);
    cluster.campaign(3);
    expect(cluster.inRole("leader")).not.toContain(3);
    cluster.campaign(2);
    expect(cluster.inRole("leader")).toContain(2);
    expect(cluster.node(3).applied).toEqual(["on 1 and 2"]);
  });

  it("a newer last term outweighs a longer log", () => {
    const cluster = new Cluster({ voters: three });
    cluster.campaign(1);
    cluster.network.partition([[1], [2, 3]]);
    cluster.propose(1, "a", "b", "c");
    cluster.tickAll(20, [2, 3]);
    cluster.campaign(2);
    expect(cluster.inRole("leader")).toEqual([1, 2]);
    cluster.tick(1, 20);
    cluster.network.partition([[1, 3]]);
    cluster.tickAll(20, [1, 3]);
    expect(cluster.inRole("leader")).not.toContain(1);
    expect(cluster.inRole("leader")).toContain(3);
  });
});

describe("dissertation, section 9.6: pre-vote", () => {
  it("a replica that was cut off comes back without raising the term", () => {
    const cluster = new Cluster({ voters: three });
    cluster.campaign(1);
    cluster.network.partition([[1, 2]]);
    cluster.tickAll(100);
    expect(termOf(cluster, 3)).toBe(2);
    cluster.network.heal();
    cluster.tickAll(2);
    expect(cluster.inRole("leader")).toEqual([1]);
    expect([1, 2, 3].map((id) => termOf(cluster, id))).toEqual([2, 2, 2]);
  });

  it("asking for pre-votes clears no vote and granting one gives none away (canonical/raft #196)", () => {
    const cluster = new Cluster({ voters: three, config: { checkQuorum: false } });
    cluster.campaign(1);
    const before = cluster.node(2).raw.status().hardState;
    expect(before.vote).toBe(1);
    cluster.network.partition([[2, 3]]);
    cluster.node(2).raw.campaign();
    cluster.node(2).work();
    expect(cluster.node(2).raw.status().hardState).toEqual(before);
    cluster.deliver();
    cluster.node(3).work();
    expect(cluster.node(3).raw.status().hardState.vote).toBe(1);
  });

  it("a pre-vote granted in an earlier attempt does not count in a later one", () => {
    const cluster = new Cluster({ voters: three });
    const node = cluster.node(1).raw;
    cluster.network.partition([]);
    cluster.campaign(1);
    node.step(
      messageTo(1, { type: "voteResponse", term: 9, preVote: true, reject: false, commit: 0, commitTerm: 0 }),
    );
    expect(node.status().role).toBe("preCandidate");
    // And a real vote is not an answer to a pre-vote.
    node.step(
      messageTo(1, {
        type: "voteResponse",
        term: 1,
        preVote: false,
        reject: false,
        commit: 0,
        commitTerm: 0,
      }),
    );
    expect(node.status().role).toBe("preCandidate");
    node.step(
      messageTo(1, { type: "voteResponse", term: 2, preVote: true, reject: false, commit: 0, commitTerm: 0 }),
    );
    expect(node.status().role).toBe("candidate");
  });

  it("granting a pre-vote puts off nobody's own candidacy (hashicorp/raft #609)", () => {
    const cluster = new Cluster({ voters: three });
    cluster.network.partition([]);
    cluster.tick(2, 10);
    cluster.node(2).raw.step({
      type: "voteRequest",
      from: 3,
      to: 2,
      term: 2,
      preVote: true,
      transfer: false,
      lastIndex: 1,
      lastTerm: 1,
      commit: 1,
      commitTerm: 1,
    });
    cluster.tick(2, 1);
    expect(cluster.node(2).raw.status().role).toBe("preCandidate");
  });

  it("a refusal from a higher term is adopted, so that nobody asks for an old term for ever (openraft #1796)", () => {
    const cluster = new Cluster({ voters: three });
    const node = cluster.node(1).raw;
    cluster.network.partition([]);
    cluster.campaign(1);
    node.step(
      messageTo(1, { type: "voteResponse", term: 7, preVote: true, reject: true, commit: 0, commitTerm: 0 }),
    );
    expect(node.status()).toMatchObject({ role: "follower", hardState: { term: 7 } });
  });

  it("a replica of a higher term is told apart and taken back, with pre-votes and quorum checks on", () => {
    const cluster = new Cluster({ voters: three });
    cluster.campaign(1);
    // A message from elsewhere raises the term of 3; its old leader cannot reach it any more by itself.
    cluster
      .node(3)
      .raw.step(
        messageTo(3, { type: "appendResponse", term: 5, index: 0, reject: true, hintIndex: 0, hintTerm: 0 }),
      );
    cluster.settle();
    expect(termOf(cluster, 3)).toBe(5);
    cluster.tickAll(40);
    expect(cluster.inRole("leader")).toHaveLength(1);
    expect(new Set([1, 2, 3].map((id) => termOf(cluster, id))).size).toBe(1);
  });
});

describe("dissertation, sections 4.2.3 and 6.2: living leaders stay, lonely ones go", () => {
  it("a removed replica that knows nothing of its removal cannot disturb the others", () => {
    const cluster = new Cluster({ voters: three });
    cluster.campaign(1);
    cluster.network.partition([[1, 2]]);
    cluster.change(1, { transition: "auto", changes: [{ type: "remove", replica: 3 }] });
    cluster.network.heal();
    for (let passed = 0; passed < 60; passed += 1) cluster.tickAll();
    expect(cluster.inRole("leader")).toEqual([1]);
    expect(termOf(cluster, 1)).toBe(2);
  });

  it("followers that hear from their leader ignore candidates, even those of a higher term", () => {
    const cluster = new Cluster({ voters: three, config: { preVote: false } });
    cluster.campaign(1);
    cluster.campaign(3);
    expect(cluster.inRole("leader")).toEqual([1]);
    expect(termOf(cluster, 2)).toBe(2);
  });

  it("a leader that hears from no majority steps down", () => {
    const cluster = new Cluster({ voters: three });
    cluster.campaign(1);
    cluster.network.partition([]);
    cluster.tick(1, 20);
    expect(cluster.node(1).raw.status()).toMatchObject({ role: "follower", leader: 0 });
  });

  it("a leader that is only heard, and hears nothing, steps down too (partial partition)", () => {
    const cluster = new Cluster({ voters: three });
    cluster.campaign(1);
    cluster.network.lose((message) => message.to === 1);
    cluster.tickAll(60);
    expect(cluster.inRole("leader")).toEqual([2]);
  });

  it("a chain 1 - 2 - 3 in which 1 and 3 cannot talk keeps one leader", () => {
    const cluster = new Cluster({ voters: three });
    cluster.campaign(1);
    cluster.network.lose((message) => message.from + message.to === 4 && message.from !== 2);
    cluster.tickAll(100);
    expect(cluster.inRole("leader")).toHaveLength(1);
    expect(termOf(cluster, 2)).toBe(2);
  });
});

describe("inputs from the outside", () => {
  it("a leader that is told to step down follows in the same term", () => {
    const cluster = new Cluster({ voters: three });
    cluster.campaign(1);
    cluster.node(1).raw.stepDown();
    expect(cluster.node(1).raw.status()).toMatchObject({
      role: "follower",
      leader: 0,
      hardState: { term: 2 },
    });
  });

  it("a replica that is not electable does not campaign, and still votes", () => {
    const cluster = new Cluster({ voters: three });
    cluster.node(1).raw.setElectable(false);
    cluster.tick(1, 50);
    cluster.campaign(1);
    expect(cluster.inRole("leader")).toEqual([]);
    cluster.network.partition([[1, 2]]);
    cluster.campaign(2);
    expect(cluster.inRole("leader")).toEqual([2]);
  });

  it("a follower that forgets its leader votes for another one at once", () => {
    const cluster = new Cluster({ voters: three });
    cluster.campaign(1);
    cluster.node(2).raw.forgetLeader();
    cluster.node(3).raw.forgetLeader();
    cluster.campaign(2);
    expect(cluster.inRole("leader")).toEqual([2]);
  });

  it("after a suspension a follower waits a whole timeout before it suspects its leader", () => {
    const cluster = new Cluster({ voters: three });
    cluster.campaign(1);
    cluster.network.partition([]);
    cluster.tick(2, 9);
    cluster.node(2).raw.suspend();
    cluster.tick(2, 10);
    expect(cluster.node(2).raw.status().role).toBe("follower");
    cluster.tick(2, 1);
    expect(cluster.node(2).raw.status().role).toBe("preCandidate");
  });

  it("a message for another replica is refused, and harms nothing", () => {
    const cluster = new Cluster({ voters: three });
    expect(() => cluster.node(1).raw.step(messageTo(3, { type: "timeoutNow" }))).toThrow(/misrouted/);
    cluster.campaign(1);
    expect(cluster.inRole("leader")).toEqual([1]);
  });

  it("two leaders in one term stop the replica that sees them", () => {
    const cluster = new Cluster({ voters: three });
    cluster.campaign(1);
    const node = cluster.node(3).raw;
    const forged = messageTo(3, { type: "heartbeat", from: 2, term: 2, commit: 0, round: 1 });
    expect(() => node.step(forged)).toThrow(/both lead term 2/);
    expect(() => node.tick()).toThrow(/both lead term 2/);
  });
});
