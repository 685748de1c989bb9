// A group of replicas in virtual time: first with faults, looking for anything that must never happen, then without, looking
// whether the group recovers. Everything that is random comes from one seed.

import type { Configuration } from "../../index.ts";
import { makeCheckers } from "./checkers/index.ts";
import { History } from "./history.ts";
import { Nemesis } from "./nemesis.ts";
import type { Checker, Observation, WorldView } from "./observation.ts";
import { Random } from "./random.ts";
import { SimulatedNetwork } from "./simulated-network.ts";
import { type NodeEnvironment, SimulatedNode } from "./simulated-node.ts";
import { drawSwarm, type FaultKind, type Swarm } from "./swarm.ts";
import { Timeline } from "./timeline.ts";
import { Trace } from "./trace.ts";
import { Workload } from "./workload.ts";

/** What one seed brought. */
export interface SimulationResult {
  readonly seed: number;
  readonly swarm: Swarm;
  /** What must never happen and did, or what must happen and did not; absent when all is well. */
  readonly violation?: { readonly checker: string; readonly what: string; readonly atMs: number };
  /** The same for every run of the seed. */
  readonly traceHash: string;
  readonly events: number;
  readonly lastLines: readonly string[];
  readonly operations: { readonly applied: number; readonly unknown: number };
  /** Terms that had a leader, and configurations that were in force. */
  readonly elections: number;
  readonly configurations: number;
}

/** How a seed is run. */
export interface SimulationOptions {
  /** Faults to leave out. */
  readonly without?: ReadonlySet<FaultKind>;
  /** Called with every line of the trace. */
  readonly print?: (line: string) => void;
}

/** The clients that look at every register at the end. */
const auditor = 0;

/** Runs one seed to its end, or to the first violation. */
export function simulate(seed: number, options: SimulationOptions = {}): SimulationResult {
  return new Simulation(seed, options).run();
}

class Simulation implements WorldView {
  readonly #swarm: Swarm;
  readonly #timeline = new Timeline();
  readonly #trace: Trace;
  readonly #random: Random;
  readonly #network: SimulatedNetwork;
  readonly #history = new History();
  readonly #checkers: readonly Checker[] = makeCheckers();
  readonly replicas: readonly SimulatedNode[];
  #violation: SimulationResult["violation"];
  #elections = 0;
  #configurations = 0;
  #newest: Configuration | undefined;

  constructor(seed: number, { without, print }: SimulationOptions) {
    this.#swarm = drawSwarm(seed, without);
    this.#trace = new Trace(print);
    this.#random = new Random(seed ^ 0x5eed);
    const shared = { timeline: this.#timeline, random: this.#random, swarm: this.#swarm };
    this.#network = new SimulatedNetwork({
      ...shared,
      deliver: (parcel) => this.#node(parcel.to)?.receive(parcel),
    });
    const env: NodeEnvironment = {
      ...shared,
      send: (parcel) => this.#network.send(parcel),
      observe: (observation) => this.#observe(observation),
      note: (line) => this.#note(line),
      violation: (what) => this.#fail("replicas do not stop", what),
    };
    const voters = Array.from({ length: this.#swarm.voters }, (_, position) => position + 1);
    const all = Array.from(
      { length: this.#swarm.voters + this.#swarm.spares },
      (_, position) => position + 1,
    );
    this.replicas = all.map((id) => new SimulatedNode(id, voters, env));
  }

  run(): SimulationResult {
    const parts = {
      timeline: this.#timeline,
      random: this.#random,
      swarm: this.#swarm,
      nodes: this.replicas,
      network: this.#network,
      history: this.#history,
      note: (line: string): void => this.#note(line),
    };
    const nemesis = new Nemesis(parts);
    const workload = new Workload(parts);
    for (const node of this.replicas) node.start();
    workload.start();
    nemesis.start();
    this.#runUntil(this.#swarm.safetyMs);
    nemesis.stop();
    this.#heal();
    this.#runUntil(this.#swarm.safetyMs + this.#swarm.healingMs / 2);
    workload.stop();
    this.#audit(workload);
    this.#runUntil(this.#swarm.safetyMs + this.#swarm.healingMs);
    this.#checkConvergence();
    this.#checkHistory();
    return this.#result();
  }

  #runUntil(endMs: number): void {
    while (this.#violation === undefined && this.#timeline.step(endMs)) {
      // One thing after the other.
    }
  }

  /** Faults end, everybody who belongs to the group comes back, and an operator tidies up. */
  #heal(): void {
    this.#note("healing begins");
    this.#network.heal();
    for (const node of this.replicas) {
      node.log.heal();
      if (!node.up) node.start();
    }
    this.#tidyUp();
  }

  /** Replicas that were removed are switched off, and a joint configuration that nobody leaves is left. */
  #tidyUp(): void {
    this.#timeline.after(300, () => {
      const members = this.#newestMembers();
      for (const node of this.replicas) {
        if (members !== undefined && !members.includes(node.id) && node.up) node.crash({ powerLost: false });
        if (node.status?.role === "leader") node.change({ transition: "auto", changes: [] });
      }
      this.#tidyUp();
    });
  }

  /** Everybody in the newest configuration that a leader applied, or that may come after it. */
  #newestMembers(): number[] | undefined {
    const leader = this.replicas.find(({ status }) => status?.role === "leader" && !status.changePending);
    const configuration = leader?.status?.configuration;
    if (configuration === undefined || configuration.index < (this.#newest?.index ?? 0)) return undefined;
    const { voters, votersOutgoing, learners } = configuration;
    const members = [...voters, ...votersOutgoing, ...learners];
    // Whoever is switched off before the others know that it was removed may be missed by them.
    const know = members.every((id) => this.#node(id)?.status?.configuration.index === configuration.index);
    return know ? members : undefined;
  }

  /** At the end every register is read, until each has been. */
  #audit(workload: Workload): void {
    for (let number = 0; number < this.#swarm.keys; number += 1) {
      const key = `r${number}`;
      const attempt = (): void => {
        workload.use(auditor, key, { type: "read" }, this.#random.pick(this.replicas), (happened) => {
          if (!happened) this.#timeline.after(20, attempt);
          else this.#audited += 1;
        });
      };
      attempt();
    }
  }

  #audited = 0;

  #checkConvergence(): void {
    if (this.#violation !== undefined) return;
    const leaders = this.replicas.filter(({ status }) => status?.role === "leader");
    if (leaders.length !== 1) this.#fail("recovery", `after healing ${leaders.length} replicas lead`);
    if (this.#audited < this.#swarm.keys)
      this.#fail("recovery", "after healing not every register could be read");
    const [leader] = leaders;
    const members = leader?.status?.progress.map(({ replica }) => replica) ?? [];
    for (const node of this.replicas) {
      if (leader === undefined || !members.includes(node.id)) continue;
      if (node.machine.index === leader.machine.index && node.machine.digest === leader.machine.digest)
        continue;
      this.#fail(
        "recovery",
        `replica ${node.id} is at ${node.machine.index}, leader ${leader.id} at ${leader.machine.index}`,
      );
    }
  }

  #checkHistory(): void {
    if (this.#violation !== undefined) return;
    const verdict = this.#history.check();
    if (verdict.status === "violation") this.#fail("linearizability", verdict.report);
    if (verdict.status === "undecided") this.#note("the history is too hard to decide");
  }

  #observe(observation: Observation): void {
    if (observation.type === "elected") this.#elections += 1;
    if (observation.type === "reconfigured") {
      const { configuration } = observation;
      if (configuration.index > (this.#newest?.index ?? 0)) {
        this.#newest = configuration;
        this.#configurations += 1;
      }
    }
    for (const checker of this.#checkers) {
      const what = checker.observe(observation, this);
      if (what !== undefined) this.#fail(checker.name, what);
    }
  }

  #fail(checker: string, what: string): void {
    this.#violation ??= { checker, what, atMs: this.#timeline.nowMs };
    this.#note(`VIOLATION of ${checker}: ${what}`);
  }

  #note(line: string): void {
    this.#trace.note(this.#timeline.nowMs, line);
  }

  #node(id: number): SimulatedNode | undefined {
    return this.replicas[id - 1];
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
