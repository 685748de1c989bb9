import type { MemberChange } from "../../index.ts";
import type { Random } from "./random.ts";
import type { SimulatedNetwork } from "./simulated-network.ts";
import type { SimulatedProcess } from "./process.ts";
import type { FaultKind, Swarm } from "./swarm.ts";
import type { Timeline } from "./timeline.ts";

type Link = readonly [from: number, to: number];

/** Faults and interventions, at random moments, of the kinds that the seed has drawn. */
export class Nemesis {
  readonly #timeline: Timeline;
  readonly #random: Random;
  readonly #swarm: Swarm;
  readonly #nodes: readonly SimulatedProcess[];
  readonly #network: SimulatedNetwork;
  readonly #note: (line: string) => void;
  #running = true;

  constructor(options: {
    timeline: Timeline;
    random: Random;
    swarm: Swarm;
    nodes: readonly SimulatedProcess[];
    network: SimulatedNetwork;
    note: (line: string) => void;
  }) {
    this.#timeline = options.timeline;
    this.#random = options.random;
    this.#swarm = options.swarm;
    this.#nodes = options.nodes;
    this.#network = options.network;
    this.#note = options.note;
  }

  start(): void {
    const acts = this.#acts();
    if (acts.length > 0) this.#goOn(acts);
  }

  stop(): void {
    this.#running = false;
  }

  #goOn(acts: readonly (() => void)[]): void {
    this.#timeline.after(this.#random.between(0, 2 * this.#swarm.nemesisMs), () => {
      if (!this.#running) return;
      this.#random.pick(acts)();
      this.#goOn(acts);
    });
  }

  #acts(): (() => void)[] {
    const acts: Partial<Record<FaultKind, () => void>> = {
      partition: () => this.#partition(),
      oneWayPartition: () => this.#cutOneWay(),
      crash: () => this.#crash(this.#random.pick(this.#nodes), false),
      powerLoss: () => this.#losePower(),
      pause: () =>
        this.#random.pick(this.#nodes).pause(this.#random.between(10, this.#random.pick([100, 400, 1200]))),
      membership: () => this.#changeMembers(),
      transfer: () => this.#transfer(),
      stepDown: () => this.#disturb(),
    };
    return [...this.#swarm.faults].flatMap((kind) => acts[kind] ?? []);
  }

  /** Two sides, or a bridge between them, for a while. */
  #partition(): void {
    const ids = this.#random.shuffled(this.#nodes.map(({ id }) => id));
    const middle = this.#random.below(ids.length + 1);
    const left = ids.slice(0, middle);
    const right = ids.slice(middle);
    const bridge = this.#random.chance(0.3) ? ids[0] : undefined;
    this.#note(
      `partition (${left.join(" ")}) | (${right.join(" ")})${bridge === undefined ? "" : ` but for ${bridge}`}`,
    );
    const links: Link[] = [];
    for (const one of left) {
      for (const other of right)
        if (one !== bridge && other !== bridge) links.push([one, other], [other, one]);
    }
    this.#cutForAWhile(links);
  }

  /** Some links work in one direction only. */
  #cutOneWay(): void {
    const links: Link[] = [];
    for (const { id: from } of this.#nodes) {
      for (const { id: to } of this.#nodes)
        if (from !== to && this.#random.chance(0.3)) links.push([from, to]);
    }
    this.#note(`cut ${links.map(([from, to]) => `${from}→${to}`).join(" ")}`);
    this.#cutForAWhile(links);
  }

  #cutForAWhile(links: readonly Link[]): void {
    this.#network.restore();
    this.#network.cut(links);
    this.#timeline.after(this.#random.between(50, 1500), () => this.#network.restore());
  }

  #crash(node: SimulatedProcess, powerLost: boolean): void {
    if (!node.up) return;
    node.crash({ powerLost });
    // Sometimes so fast that nobody else notices.
    this.#timeline.after(this.#random.between(1, this.#random.pick([10, 100, 500])), () => {
      if (!node.up) node.start();
    });
  }

  /** Of one, of some, or of all at the same moment. */
  #losePower(): void {
    const count = this.#random.pick([1, 2, this.#nodes.length]);
    for (const node of this.#random.shuffled(this.#nodes).slice(0, count)) this.#crash(node, true);
  }

  #changeMembers(): void {
    const leader = this.#someLeader();
    if (leader === undefined) return;
    const count = this.#random.pick([1, 1, 2, 3]);
    const replicas = this.#random.shuffled(this.#nodes).slice(0, count);
    const changes = replicas.map(({ id }): MemberChange => ({
      type: this.#random.pick(["addVoter", "addVoter", "addLearner", "remove"]),
      replica: id,
    }));
    const transition = this.#random.pick(["auto", "implicit", "explicit"] as const);
    const leave = this.#random.chance(0.3);
    leader.change(leave ? { transition: "auto", changes: [] } : { transition, changes });
  }

  #transfer(): void {
    this.#someLeader()?.transfer(this.#random.pick(this.#nodes).id);
  }

  #disturb(): void {
    const kind = this.#random.pick(["stepDown", "campaign", "forgetLeader", "reportUnreachable"] as const);
    this.#random.pick(this.#nodes).disturb(kind);
  }

  /** One of those who believe that they lead. */
  #someLeader(): SimulatedProcess | undefined {
    const leaders = this.#nodes.filter(({ leads }) => leads);
    return leaders.length === 0 ? undefined : this.#random.pick(leaders);
  }
}
