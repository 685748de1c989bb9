// The same as the simulation of a group, with everything that is published: hosts with several groups each, the log in files
// on a simulated disk, frames on a simulated network.

import type { MemberChange } from "../../index.ts";
import { makeCheckers } from "./checkers/index.ts";
import { History } from "./history.ts";
import { Nemesis } from "./nemesis.ts";
import type { Checker, Observation, WorldView } from "./observation.ts";
import { Random } from "./random.ts";
import { nodeOf, SimulatedHost } from "./simulated-host.ts";
import { SimulatedNetwork } from "./simulated-network.ts";
import type { SimulationOptions, SimulationResult } from "./simulation.ts";
import { drawSwarm, type Swarm } from "./swarm.ts";
import { Timeline } from "./timeline.ts";
import { Trace } from "./trace.ts";
import { Workload } from "./workload.ts";

const groups: readonly number[] = [1, 2];
const auditor = 0;
const auditPauseMs = 20;

/** How often an operator looks for replicas whose disk is gone. */
const replacementMs = 200;

/** Runs one seed to its end, or to the first violation. */
export async function simulateHosts(
  seed: number,
  options: SimulationOptions = {},
): Promise<SimulationResult> {
  return new HostSimulation(seed, options).run();
}

class HostSimulation {
  readonly #swarm: Swarm;
  readonly #timeline = new Timeline();
  readonly #trace: Trace;
  readonly #random: Random;
  readonly #network: SimulatedNetwork;
  readonly #history = new History();
  readonly #checkers = new Map<number, readonly Checker[]>(groups.map((group) => [group, makeCheckers()]));
  readonly #worlds = new Map<number, WorldView>(groups.map((group) => [group, this.#worldOf(group)]));
  readonly #nodes: readonly SimulatedHost[];
  #violation: SimulationResult["violation"];
  #elections = 0;
  #configurations = 0;
  #audited = 0;

  constructor(seed: number, { without, print }: SimulationOptions) {
    this.#swarm = drawSwarm(seed, without);
    this.#trace = new Trace(print);
    this.#random = new Random(seed ^ 0x4057);
    const shared = { timeline: this.#timeline, random: this.#random, swarm: this.#swarm };
    this.#network = new SimulatedNetwork({
      ...shared,
      deliver: (parcel) => this.#nodes[parcel.to - 1]?.receive(parcel),
    });
    const env = {
      ...shared,
      groups,
      voters: idsUpTo(this.#swarm.voters),
      send: this.#network.send.bind(this.#network),
      observe: (group: number, observation: Observation): void => this.#observe(group, observation),
      note: (line: string): void => this.#note(line),
      violation: (what: string): void => this.#fail("nodes do not stop", what),
    };
    this.#nodes = idsUpTo(this.#swarm.voters + this.#swarm.spares).map((id) => new SimulatedHost(id, env));
  }

  async run(): Promise<SimulationResult> {
    const { safetyMs, healingMs, keys } = this.#swarm;
    const parts = {
      timeline: this.#timeline,
      random: this.#random,
      swarm: this.#swarm,
      nodes: this.#nodes,
      network: this.#network,
      history: this.#history,
      note: (line: string): void => this.#note(line),
    };
    const nemesis = new Nemesis(parts);
    const workload = new Workload(parts);
    for (const node of this.#nodes) node.start();
    workload.start();
    nemesis.start();
    if (this.#mayWipe) this.#loseDisk();
    await this.#runUntil(safetyMs);
    nemesis.stop();
    this.#heal();
    await this.#runUntil(safetyMs + healingMs / 2);
    workload.stop();
    for (let number = 0; number < keys; number += 1) this.#audit(workload, `r${number}`);
    await this.#runUntil(safetyMs + healingMs);
    this.#checkConvergence();
    this.#checkHistory();
    return this.#result();
  }

  /** One event after the other; what a promise set going is done before the next. */
  async #runUntil(endMs: number): Promise<void> {
    while (this.#violation === undefined && this.#timeline.step(endMs)) {
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  }

  #heal(): void {
    this.#note("healing begins");
    this.#network.heal();
    for (const node of this.#nodes) {
      node.disk.heal();
      node.start();
    }
    this.#tidyUp();
  }

  /** What checkers may look at, as it is when they look. */
  #worldOf(group: number): WorldView {
    const nodes = (): readonly SimulatedHost[] => this.#nodes;
    return {
      get replicas() {
        return nodes().flatMap((node) => node.views(group));
      },
    };
  }

  /**
   * One disk is lost, where nothing else may take a replica away for good: a second loss in a group of three is more than
   * any algorithm survives.
   */
  get #mayWipe(): boolean {
    const { faults, voters } = this.#swarm;
    const others = (["bitFlip", "misdirectedWrite", "membership"] as const).some((kind) => faults.has(kind));
    return faults.has("wipe") && !others && voters >= 3;
  }

  #loseDisk(): void {
    this.#timeline.after(this.#random.between(0, this.#swarm.safetyMs), () => {
      const node = this.#random.pick(this.#nodes.filter(({ id }) => id <= this.#swarm.voters));
      node.wipe();
      this.#timeline.after(this.#random.between(1, 500), () => node.start());
      this.#replace(node);
    });
  }

  /** What an operator does about a lost disk: the replicas that were on it are replaced by new ones, with new ids. */
  #replace(lost: SimulatedHost): void {
    this.#timeline.after(replacementMs, () => {
      for (const group of groups) {
        for (const node of this.#nodes.filter((each) => each.leadsGroup(group))) {
          const voters = node.replica(group)?.status().configuration.voters ?? [];
          const gone = voters.filter((id) => nodeOf(id) === lost.id && id !== lost.replicaId);
          const changes = gone.map((replica): MemberChange => ({ type: "remove", replica }));
          if (gone.length > 0)
            node.changeGroup(group, {
              transition: "auto",
              changes: [...changes, { type: "addVoter", replica: lost.replicaId }],
            });
        }
      }
      this.#replace(lost);
    });
  }

  /** A joint configuration that nobody leaves is left. */
  #tidyUp(): void {
    this.#timeline.after(300, () => {
      for (const node of this.#nodes) node.change({ transition: "auto", changes: [] });
      this.#tidyUp();
    });
  }

  #audit(workload: Workload, key: string): void {
    workload.use(auditor, key, { type: "read" }, this.#random.pick(this.#nodes), (happened) => {
      if (happened) this.#audited += 1;
      else this.#timeline.after(auditPauseMs, () => this.#audit(workload, key));
    });
  }

  #checkConvergence(): void {
    if (this.#violation !== undefined) return;
    if (this.#audited < this.#swarm.keys)
      this.#fail("recovery", "after healing not every register could be read");
    for (const group of groups) this.#checkGroup(group);
  }

  #checkGroup(group: number): void {
    const leaders = this.#nodes.filter((node) => node.leadsGroup(group));
    const [leader] = leaders;
    if (leader === undefined || leaders.length > 1) {
      this.#fail("recovery", `after healing ${leaders.length} nodes lead group ${group}`);
      return;
    }
    const members =
      leader
        .replica(group)
        ?.status()
        .progress.map(({ replica }) => replica) ?? [];
    const wanted = leader.application(group)?.machine;
    for (const node of this.#nodes) {
      const found = node.application(group)?.machine;
      if (
        node.lost ||
        !members.includes(node.replicaId) ||
        (found?.index === wanted?.index && found?.digest === wanted?.digest)
      )
        continue;
      const where = `node ${node.id} is at ${found?.index}, leader ${leader.id} at ${wanted?.index}`;
      this.#fail("recovery", `group ${group}: ${where}`);
    }
  }

  #checkHistory(): void {
    if (this.#violation !== undefined) return;
    const verdict = this.#history.check();
    if (verdict.status === "violation") this.#fail("linearizability", verdict.report);
    if (verdict.status === "undecided") this.#note("the history is too hard to decide");
  }

  #observe(group: number, observation: Observation): void {
    if (observation.type === "elected") this.#elections += 1;
    if (observation.type === "reconfigured") this.#configurations += 1;
    if (observation.type === "applied") {
      this.#note(
        `${observation.replica} group ${group} applies ${observation.entry.index}@${observation.entry.term}`,
      );
    }
    const world = this.#worlds.get(group) ?? this.#worldOf(group);
    for (const checker of this.#checkers.get(group) ?? []) {
      const what = checker.observe(observation, world);
      if (what !== undefined) this.#fail(checker.name, `group ${group}: ${what}`);
    }
  }

  #fail(checker: string, what: string): void {
    this.#violation ??= { checker, what, atMs: this.#timeline.nowMs };
    this.#note(`VIOLATION of ${checker}: ${what}`);
  }

  #note(line: string): void {
    this.#trace.note(this.#timeline.nowMs, line);
  }

  #result(): SimulationResult {
    return {
      seed: this.#swarm.seed,
      swarm: this.#swarm,
      ...(this.#violation === undefined ? {} : { violation: this.#violation }),
      traceHash: this.#trace.hash,
      events: this.#trace.events,
      lastLines: this.#trace.lastLines,
      operations: this.#history.counts,
      elections: this.#elections,
      configurations: this.#configurations,
    };
  }
}

function idsUpTo(count: number): number[] {
  return Array.from({ length: count }, (_, position) => position + 1);
}
