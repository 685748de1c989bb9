import type { ConfChange } from "../../index.ts";
import { Host, type HostEvent, type RaftGroup, type Scheduler } from "../../host/index.ts";
import { FileLog } from "../../wal/index.ts";
import { FrameReader } from "../../host/frame-codec.ts";
import { DiskImage } from "./disk-image.ts";
import { isDamage, isDiskError, outcomeOf } from "./host-failures.ts";
import { viewOf, viewOfLost } from "./host-view.ts";
import type { Observation, ReplicaView } from "./observation.ts";
import { ObservedLog } from "./observed-log.ts";
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

/** A replica of the n-th disk of a node has this many times n added to its id: ids are never used twice. */
const idsPerDisk = 100;

/** The node that a replica lives on. */
export function nodeOf(replica: number): number {
  return replica % idsPerDisk;
}

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
  readonly #image: DiskImage;
  #log: ObservedLog | undefined;
  /** How many disks the node has lost. */
  #wipes = 0;
  /** What is committed in the groups that this node leads, and under which configuration, as of the last turn. */
  readonly #commits = new Map<number, { readonly commit: number; readonly under: number }>();
  #applications = new Map<number, SimulatedApplication>();
  #replicas = new Map<number, RaftGroup<RegisterAnswer>>();
  #host: Host | undefined;
  #life = 0;
  #up = false;
  #paused = false;
  /** Its log was found damaged: it is not started again. */
  #lost = false;
  #damaged = false;
  #deferred: (() => void)[] = [];
  readonly #ledTerms = new Map<number, number>();

  constructor(id: number, env: HostEnvironment) {
    this.id = id;
    this.#env = env;
    this.disk = new SimulatedDisk(env);
    this.#image = new DiskImage(this.disk, directory);
    if (this.#mayBeDamaged && env.swarm.faults.has("misdirectedWrite")) {
      this.disk.misdirected = () => {
        this.#damaged = true;
        env.note(`${id}: a write lands in a wrong place`);
      };
    }
  }

  /** The id of this node's replicas. */
  get replicaId(): number {
    return this.id + this.#wipes * idsPerDisk;
  }

  /** How many disks the node has lost so far. */
  get wipes(): number {
    return this.#wipes;
  }

  /** The replicas of a group on this node, those of earlier disks included, as checkers see them. */
  views(group: number): ReplicaView[] {
    const gone = Array.from({ length: this.#wipes }, (_, disk) => viewOfLost(this.id + disk * idsPerDisk));
    const present = viewOf(this.replicaId, group, {
      status: this.replica(group)?.status(),
      log: this.#log,
      image: this.#image,
      damaged: this.#damaged,
    });
    return [...gone, present];
  }

  /** The disk is gone with all that was on it, and replaced by an empty one. */
  wipe(): void {
    this.crash({ powerLost: false });
    this.#env.note(`${this.id} loses its disk`);
    this.disk.wipe();
    this.#snapshots.wipe();
    this.#images.clear();
    this.#ledTerms.clear();
    this.#wipes += 1;
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
      else if (this.#damaged && isDamage(error)) this.#lose(String(error));
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
    this.#log = undefined;
    this.#commits.clear();
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

  /** The same for one group, if this node leads it. */
  changeGroup(group: number, change: ConfChange): void {
    const replica = this.replica(group);
    if (replica === undefined || !this.leadsGroup(group)) return;
    this.#run(this.#life, () => {
      replica.changeMembers(change).catch(() => undefined);
    });
  }

  transfer(target: number): void {
    this.#operate((replica) => replica.transferLeader(target));
  }

  disturb(_kind: Disturbance): void {
    const replica = this.replica(this.#env.random.pick(this.#env.groups));
    if (replica !== undefined) this.#run(this.#life, () => replica.campaign());
  }

  async #open(life: number): Promise<void> {
    const { timeline, random, swarm, groups, voters, observe } = this.#env;
    const run = (action: () => void): void => this.#run(life, action);
    const scheduler: Scheduler = {
      soon: (task) =>
        timeline.after(turnMs, () =>
          run(() => {
            task();
            this.#lookAround();
          }),
        ),
      after: (delayMs, task) => {
        let open = true;
        timeline.after(delayMs, () => run(() => open && task()));
        return () => (open = false);
      },
    };
    const bytes = new Random(random.next());
    const files = await FileLog.open({
      directory,
      fileSystem: this.disk.mount(run),
      segmentBytes: 16 << 10,
      cacheBytes: random.pick([1 << 10, 1 << 20]),
      now: () => timeline.nowMs,
      random: (count) => Uint8Array.from({ length: count }, () => bytes.below(256)),
      retryDelay: () => new Promise((resolve) => timeline.after(20, () => run(resolve))),
    });
    if (life !== this.#life) return;
    const log = new ObservedLog(files, (group, entries, previousTerm) => {
      if (life !== this.#life) return;
      observe(group, { type: "written", replica: this.replicaId, entries, previousTerm });
    });
    this.#log = log;
    const host = this.#makeHost(log, scheduler, life);
    this.#host = host;
    for (const group of groups) {
      const application = this.#makeApplication(group, life);
      this.#applications.set(group, application);
      const options = {
        group,
        replica: this.replicaId,
        stateMachine: application,
        ...(swarm.durableApplication ? {} : { snapshots: this.#snapshots }),
        policy: { snapshotEntries: swarm.snapshotEvery, keepEntries: swarm.keptEntries },
        readMode: swarm.lease ? ("lease" as const) : ("safe" as const),
      };
      const known = log.groups().includes(group);
      const first = voters.includes(this.replicaId) ? { voters } : {};
      const replica = known
        ? await host.openGroup(options)
        : await host.createGroup({ ...options, ...first });
      if (life !== this.#life) return;
      this.#replicas.set(group, replica);
    }
    this.#env.note(`${this.id} has started`);
  }

  #makeHost(log: ObservedLog, scheduler: Scheduler, life: number): Host {
    const { timeline, random, swarm } = this.#env;
    return new Host({
      node: this.id,
      cluster: "simulated",
      nodeOf,
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
        ...(swarm.faults.has("slowSnapshots")
          ? {
              snapshotChunkBytes: 64,
              snapshotBytesPerSecond: 1000,
              maxOutgoingSnapshots: 1,
              maxIncomingSnapshots: 1,
            }
          : { snapshotChunkBytes: 256 }),
      },
      onEvent: (event) => this.#event(life, event),
    });
  }

  #makeApplication(group: number, life: number): SimulatedApplication {
    const { random, swarm, observe } = this.#env;
    return new SimulatedApplication({
      image: this.#images.get(group) ?? emptyImage,
      persistent: swarm.durableApplication,
      isTimeToPersist: () => random.chance(0.2),
      observer: {
        applied: (entry, digest) => {
          if (life === this.#life)
            observe(group, { type: "applied", replica: this.replicaId, entry, digest });
        },
        restored: (index, digest) => {
          if (life === this.#life)
            observe(group, { type: "restored", replica: this.replicaId, index, digest });
        },
        persisted: (image) => {
          if (life === this.#life) this.#images.set(group, image);
        },
      },
    });
  }

  #send(to: number, frame: Uint8Array): boolean {
    this.#env.note(`${this.id}→${to} ${frame.length} bytes`);
    this.#observeFrame(frame);
    this.#env.send({ from: this.id, to, bytes: frame.slice() });
    return true;
  }

  #observeFrame(frame: Uint8Array): void {
    const reader = new FrameReader(frame);
    for (let section = reader.next(); section !== undefined; section = reader.next()) {
      if (section.kind === "message")
        this.#env.observe(section.group, { type: "sent", message: section.message });
    }
  }

  /** After each turn: what is committed by now, and whether anything went back. */
  #lookAround(): void {
    const { groups, observe } = this.#env;
    for (const group of groups) {
      const status = this.replica(group)?.status();
      if (status === undefined) continue;
      const { configuration } = status;
      const { commit } = status.hardState;
      const known = this.#commits.get(group);
      const leads = status.role === "leader";
      // What a replica learned before it led is not of its making.
      if (leads) this.#commits.set(group, { commit, under: configuration.index });
      else this.#commits.delete(group);
      // With a configuration that came into force in this very turn it cannot be told which one counted.
      if (leads && known?.under === configuration.index && commit > known.commit) {
        observe(group, { type: "committed", replica: this.replicaId, index: commit, configuration });
      }
      observe(group, { type: "turned", replica: this.replicaId, status });
    }
  }

  #event(life: number, event: HostEvent): void {
    if (life !== this.#life) return;
    const { observe, note } = this.#env;
    switch (event.type) {
      case "leader":
        note(`${this.id} group ${event.group}: ${event.role} in term ${event.term}, leader ${event.leader}`);
        if (event.role !== "leader" || this.#ledTerms.get(event.group) === event.term) return;
        this.#ledTerms.set(event.group, event.term);
        observe(event.group, { type: "elected", replica: this.replicaId, term: event.term });
        return;
      case "configuration":
        observe(event.group, {
          type: "reconfigured",
          replica: this.replicaId,
          configuration: event.configuration,
        });
        return;
      case "groupFailed":
        if (this.#damaged && isDamage(event.error)) {
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
   * Bits turn over, and writes go astray, on one node only, and only while the members stay the same: more than a minority of damaged disks no
   * algorithm survives.
   */
  get #mayBeDamaged(): boolean {
    const { faults, voters } = this.#env.swarm;
    return !faults.has("membership") && voters >= 3 && this.id === voters;
  }

  get #mayFlip(): boolean {
    return this.#mayBeDamaged && this.#env.swarm.faults.has("bitFlip");
  }

  #flip(): void {
    this.#damaged = true;
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
