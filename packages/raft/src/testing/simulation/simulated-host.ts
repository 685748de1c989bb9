import { type ConfChange, RaftError } from "../../index.ts";
import { Host, type HostEvent, type RaftGroup, type Scheduler } from "../../host/index.ts";
import { FileLog } from "../../wal/index.ts";
import type { Observation } from "./observation.ts";
import type { Disturbance, Outcome, SimulatedProcess } from "./process.ts";
import { Random } from "./random.ts";
import type { RegisterAnswer, SnapshotImage } from "./register-machine.ts";
import { emptyImage, SimulatedApplication, SimulatedSnapshots } from "./simulated-application.ts";
import { SimulatedDisk } from "./simulated-disk.ts";
import type { Parcel } from "./simulated-network.ts";
import type { Swarm } from "./swarm.ts";
import type { Timeline } from "./timeline.ts";

/** What a node needs of its world. */
export interface HostEnvironment {
  readonly timeline: Timeline;
  readonly random: Random;
  readonly swarm: Swarm;
  readonly groups: readonly number[];
  readonly voters: readonly number[];
  readonly send: (parcel: Parcel) => void;
  readonly observe: (group: number, observation: Observation) => void;
  readonly note: (line: string) => void;
  readonly violation: (what: string) => void;
}

const directory = "/log";

/** How long a turn of a host takes: if it took no time, a host that waits in turns would stop the clock. */
const turnMs = 0.05;

/** A node with the real host, the real log and several groups, on simulated disk, network and time. */
export class SimulatedHost implements SimulatedProcess {
  readonly id: number;
  readonly disk: SimulatedDisk;
  readonly #env: HostEnvironment;
  readonly #snapshots = new SimulatedSnapshots();
  /** What the application of each group has on its own disk. */
  readonly #images = new Map<number, SnapshotImage>();
  #applications = new Map<number, SimulatedApplication>();
  #replicas = new Map<number, RaftGroup<RegisterAnswer>>();
  #host: Host | undefined;
  #life = 0;
  #up = false;
  #paused = false;
  /** Its log was found damaged: it is not started again. */
  #lost = false;
  #flipped = false;
  #deferred: (() => void)[] = [];
  readonly #ledTerms = new Map<number, number>();

  constructor(id: number, env: HostEnvironment) {
    this.id = id;
    this.#env = env;
    this.disk = new SimulatedDisk(env);
  }

  get up(): boolean {
    return this.#up;
  }

  get lost(): boolean {
    return this.#lost;
  }

  get leads(): boolean {
    return this.#env.groups.some((group) => this.leadsGroup(group));
  }

  leadsGroup(group: number): boolean {
    return this.replica(group)?.status().role === "leader";
  }

  /** The replica of a group; undefined while the node is down or starting. */
  replica(group: number): RaftGroup<RegisterAnswer> | undefined {
    return this.#replicas.get(group);
  }

  application(group: number): SimulatedApplication | undefined {
    return this.#applications.get(group);
  }

  start(): void {
    if (this.#up || this.#lost) return;
    this.#up = true;
    this.#env.note(`${this.id} starts`);
    const life = this.#life;
    this.#open(life).catch((error: unknown) => {
      if (life !== this.#life) return;
      if (isDiskError(error)) this.#restart(String(error));
      else if (this.#flipped && isDamage(error)) this.#lose(String(error));
      else this.#env.violation(`node ${this.id} does not start: ${String(error)}`);
    });
  }

  crash({ powerLost }: { readonly powerLost: boolean }): void {
    if (!this.#up) return;
    this.#env.note(`${this.id} ${powerLost ? "loses power" : "is killed"}`);
    this.#up = false;
    this.#life += 1;
    this.#paused = false;
    this.#deferred = [];
    this.#host = undefined;
    this.#replicas = new Map();
    this.#applications = new Map();
    this.disk.crash({ powerLost });
    if (powerLost && this.#mayFlip && this.#env.random.chance(0.3)) this.#flip();
  }

  pause(durationMs: number): void {
    if (!this.#up || this.#paused) return;
    this.#env.note(`${this.id} stands still for ${durationMs.toFixed(0)} ms`);
    this.#paused = true;
    const life = this.#life;
    this.#env.timeline.after(durationMs, () => {
      if (life !== this.#life) return;
      this.#paused = false;
      const waiting = this.#deferred;
      this.#deferred = [];
      for (const action of waiting) action();
    });
  }

  receive(parcel: Parcel): void {
    this.#run(this.#life, () => this.#host?.receive(parcel.from, parcel.bytes));
  }

  propose(key: string, data: Uint8Array, done: (outcome: Outcome) => void): void {
    const replica = this.#replicaOf(key);
    if (replica === undefined) {
      done({ status: "dropped" });
      return;
    }
    this.#run(this.#life, () => {
      void tell(outcomeOf(replica.propose(data)), done);
    });
  }

  read(key: string, done: (value: string | undefined) => void): void {
    const group = this.#groupOf(key);
    const replica = this.replica(group);
    if (replica === undefined) {
      done(undefined);
      return;
    }
    this.#run(this.#life, () => {
      void tell(this.#readWhenReady(group, replica, key), done);
    });
  }

  async #readWhenReady(
    group: number,
    replica: RaftGroup<RegisterAnswer>,
    key: string,
  ): Promise<string | undefined> {
    try {
      await replica.readIndex();
      return this.application(group)?.machine.read(key);
    } catch {
      return undefined;
    }
  }

  change(change: ConfChange): void {
    this.#operate((replica) => replica.changeMembers(change));
  }

  transfer(target: number): void {
    this.#operate((replica) => replica.transferLeader(target));
  }

  disturb(_kind: Disturbance): void {
    const replica = this.replica(this.#env.random.pick(this.#env.groups));
    if (replica !== undefined) this.#run(this.#life, () => replica.campaign());
  }

  async #open(life: number): Promise<void> {
    const { timeline, random, swarm, groups, voters } = this.#env;
    const run = (action: () => void): void => this.#run(life, action);
    const scheduler: Scheduler = {
      soon: (task) => timeline.after(turnMs, () => run(task)),
      after: (delayMs, task) => {
        let open = true;
        timeline.after(delayMs, () => run(() => open && task()));
        return () => (open = false);
      },
    };
    const bytes = new Random(random.next());
    const log = await FileLog.open({
      directory,
      fileSystem: this.disk.mount(run),
      segmentBytes: 16 << 10,
      cacheBytes: random.pick([1 << 10, 1 << 20]),
      now: () => timeline.nowMs,
      random: (count) => Uint8Array.from({ length: count }, () => bytes.below(256)),
      retryDelay: () => new Promise((resolve) => timeline.after(20, () => run(resolve))),
    });
    if (life !== this.#life) return;
    const host = new Host({
      node: this.id,
      cluster: "simulated",
      log,
      transport: { send: (to, frame) => this.#send(to, frame) },
      clock: { now: () => timeline.nowMs },
      scheduler,
      rng: { below: (bound) => random.below(bound) },
      incarnation: this.#life + 1,
      timing: {
        tickMs: swarm.tickMs,
        electionTicks: swarm.electionTick,
        proposalTimeoutMs: 1000,
        readTimeoutMs: 500,
        handOverMs: 300,
      },
      limits: {
        maxMessageBytes: Math.max(64, swarm.maxBytesPerMessage),
        maxInflightMessages: Math.max(4, swarm.maxInflightMessages),
        snapshotChunkBytes: 256,
      },
      onEvent: (event) => this.#event(life, event),
    });
    this.#host = host;
    for (const group of groups) {
      const application = this.#makeApplication(group, life);
      this.#applications.set(group, application);
      const options = {
        group,
        replica: this.id,
        stateMachine: application,
        ...(swarm.durableApplication ? {} : { snapshots: this.#snapshots }),
        policy: { snapshotEntries: swarm.snapshotEvery, keepEntries: swarm.keptEntries },
        readMode: swarm.lease ? ("lease" as const) : ("safe" as const),
      };
      const known = log.groups().includes(group);
      const first = voters.includes(this.id) ? { voters } : {};
      const replica = known
        ? await host.openGroup(options)
        : await host.createGroup({ ...options, ...first });
      if (life !== this.#life) return;
      this.#replicas.set(group, replica);
    }
    this.#env.note(`${this.id} has started`);
  }

  #makeApplication(group: number, life: number): SimulatedApplication {
    const { random, swarm, observe } = this.#env;
    return new SimulatedApplication({
      image: this.#images.get(group) ?? emptyImage,
      persistent: swarm.durableApplication,
      isTimeToPersist: () => random.chance(0.2),
      observer: {
        applied: (entry, digest) => {
          if (life === this.#life) observe(group, { type: "applied", replica: this.id, entry, digest });
        },
        restored: (index, digest) => {
          if (life === this.#life) observe(group, { type: "restored", replica: this.id, index, digest });
        },
        persisted: (image) => {
          if (life === this.#life) this.#images.set(group, image);
        },
      },
    });
  }

  #send(to: number, frame: Uint8Array): boolean {
    this.#env.note(`${this.id}→${to} ${frame.length} bytes`);
    this.#env.send({ from: this.id, to, bytes: frame.slice() });
    return true;
  }

  #event(life: number, event: HostEvent): void {
    if (life !== this.#life) return;
    const { observe, note } = this.#env;
    switch (event.type) {
      case "leader":
        note(`${this.id} group ${event.group}: ${event.role} in term ${event.term}, leader ${event.leader}`);
        if (event.role !== "leader" || this.#ledTerms.get(event.group) === event.term) return;
        this.#ledTerms.set(event.group, event.term);
        observe(event.group, { type: "elected", replica: this.id, term: event.term });
        return;
      case "configuration":
        observe(event.group, { type: "reconfigured", replica: this.id, configuration: event.configuration });
        return;
      case "groupFailed":
        if (this.#flipped && isDamage(event.error)) {
          this.#env.timeline.after(1, () => this.#lose(event.error.message));
          return;
        }
        this.#env.violation(`group ${event.group} stopped on node ${this.id}: ${event.error.message}`);
        return;
      case "logFailed":
        this.#env.timeline.after(1, () => {
          if (life === this.#life) this.#restart(event.error.message);
        });
        return;
      case "snapshotInstalled":
      case "compacted":
      case "snapshotDamaged":
      case "diskStalled":
      case "diskRecovered":
      case "suspended":
        note(`${this.id} ${event.type}`);
    }
  }

  /**
   * Bits turn over on one node only, and only while the members stay the same: more than a minority of damaged disks no
   * algorithm survives.
   */
  get #mayFlip(): boolean {
    const { swarm } = this.#env;
    const { faults, voters } = swarm;
    return faults.has("bitFlip") && !faults.has("membership") && voters >= 3 && this.id === voters;
  }

  #flip(): void {
    this.#flipped = true;
    this.disk.flipBit();
    this.#env.note(`${this.id}: a bit of its disk turns over`);
  }

  /** What an operator does when a log is damaged: the node is replaced, here by nothing. */
  #lose(reason: string): void {
    this.#env.note(`${this.id} is lost: ${reason}`);
    this.crash({ powerLost: false });
    this.#lost = true;
  }

  /** What an operator does when a disk fails: start again. */
  #restart(reason: string): void {
    this.#env.note(`${this.id} is started again: ${reason}`);
    this.crash({ powerLost: false });
    this.#env.timeline.after(50, () => this.start());
  }

  /** An operation of an operator on some group that this node leads; what becomes of it shows otherwise. */
  #operate(work: (replica: RaftGroup<RegisterAnswer>) => Promise<unknown>): void {
    const led = this.#env.groups.filter((group) => this.leadsGroup(group));
    if (led.length === 0) return;
    const replica = this.replica(this.#env.random.pick(led));
    if (replica === undefined) return;
    this.#run(this.#life, () => {
      work(replica).catch(() => undefined);
    });
  }

  #run(life: number, action: () => void): void {
    if (life !== this.#life || !this.#up) return;
    if (this.#paused) this.#deferred.push(action);
    else action();
  }

  #groupOf(key: string): number {
    const { groups } = this.#env;
    return groups[Number(key.slice(1)) % groups.length] ?? 0;
  }

  #replicaOf(key: string): RaftGroup<RegisterAnswer> | undefined {
    return this.replica(this.#groupOf(key));
  }
}

async function tell<Result>(result: Promise<Result>, done: (result: Result) => void): Promise<void> {
  done(await result);
}

async function outcomeOf(proposal: Promise<RegisterAnswer>): Promise<Outcome> {
  try {
    return { status: "applied", answer: await proposal };
  } catch (error) {
    return { status: isCertain(error) ? "dropped" : "unknown" };
  }
}

/** Whether the error says that something durable is not what it was. */
function isDamage(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return (error instanceof RaftError && error.code === "CORRUPT") || isDamage(error.cause);
}

/** Whether the simulated disk is behind it. */
function isDiskError(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return error.message.includes("simulated") || isDiskError(error.cause);
}

/** Whether the error says that nothing was done. */
function isCertain(error: unknown): boolean {
  return (
    error instanceof RaftError &&
    (error.code === "DROPPED" || error.code === "NOT_LEADER" || error.code === "CLOSED")
  );
}
