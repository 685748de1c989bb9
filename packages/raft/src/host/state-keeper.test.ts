import { describe, expect, test } from "vitest";
import { emptyConfiguration } from "../core/configuration.ts";
import type { SnapshotMetadata } from "../core/snapshot.ts";
import { ApplyPipeline } from "./apply-pipeline.ts";
import { CompactionRule } from "./compaction-rule.ts";
import { resolvePolicy } from "./group-options.ts";
import { MemoryLog } from "./memory-log.ts";
import type { ReceivedState, StateMachine } from "./state-machine.ts";
import { StateKeeper } from "./state-keeper.ts";

const stateMachine: StateMachine = {
  appliedIndex: () => 0,
  apply: (entries) => entries.map(() => undefined),
  snapshot: () => {
    throw new Error("nobody asks for it here");
  },
  receive: () => {
    throw new Error("nobody asks for it here");
  },
};

function at(index: number): SnapshotMetadata {
  return { index, term: 3, configuration: { ...emptyConfiguration, voters: [1, 2, 3] } };
}

function setUp(): { keeper: StateKeeper; state: (name: string) => ReceivedState; fates: string[] } {
  const log = new MemoryLog();
  const pipeline: ApplyPipeline = new ApplyPipeline({
    stateMachine,
    stateIndex: 1,
    applied: () => undefined,
    wake: () => {
      queueMicrotask(() => pipeline.run(1));
    },
    failed: () => undefined,
  });
  const keeper = new StateKeeper({
    group: 1,
    stateMachine,
    snapshots: undefined,
    log,
    reader: log.reader(1),
    pipeline,
    rule: new CompactionRule(resolvePolicy(undefined), { nowMs: 0, configuration: emptyConfiguration }),
    coreApplied: () => 1,
    now: () => 0,
  });
  const fates: string[] = [];
  const state = (name: string): ReceivedState => ({
    install: () => {
      fates.push(`${name} installed`);
    },
    discard: () => {
      fates.push(`${name} discarded`);
    },
  });
  return { keeper, state, fates };
}

describe("received states that the core is asked to accept", () => {
  test("the one that it accepts is installed, whichever came last", async () => {
    const { keeper, state, fates } = setUp();
    keeper.offer(at(10), state("first"));
    keeper.offer(at(20), state("second"));
    keeper.settleOffers(at(10));
    await keeper.installAccepted(at(10));
    expect(fates).toEqual(["second discarded", "first installed"]);
  });

  test("none is kept when it accepts none", () => {
    const { keeper, state, fates } = setUp();
    keeper.offer(at(10), state("first"));
    keeper.offer(at(20), state("second"));
    keeper.settleOffers(undefined);
    expect(fates).toEqual(["first discarded", "second discarded"]);
  });

  test("one that was accepted is not disturbed by a later offer that is refused", async () => {
    const { keeper, state, fates } = setUp();
    keeper.offer(at(10), state("first"));
    keeper.settleOffers(at(10));
    keeper.offer(at(20), state("second"));
    keeper.settleOffers(undefined);
    await keeper.installAccepted(at(10));
    expect(fates).toEqual(["second discarded", "first installed"]);
  });

  test("one that arrives after the end is not kept", () => {
    const { keeper, state, fates } = setUp();
    keeper.close();
    keeper.offer(at(10), state("late"));
    expect(fates).toEqual(["late discarded"]);
  });

  test("one of another term is not the one that was accepted", async () => {
    const { keeper, state, fates } = setUp();
    keeper.offer({ ...at(10), term: 2 }, state("old"));
    keeper.offer(at(10), state("new"));
    keeper.settleOffers(at(10));
    await keeper.installAccepted(at(10));
    expect(fates).toEqual(["old discarded", "new installed"]);
  });
});
