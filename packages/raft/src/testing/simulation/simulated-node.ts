import {
  type AsyncReady,
  type ConfChange,
  decodeMessage,
  encodeMessage,
  type Entry,
  EntryType,
  type Message,
  RaftError,
  RawNode,
  type SnapshotMetadata,
  type StorageApply,
  type Status,
} from "../../index.ts";
import { describeConfiguration, describeMessage } from "../describe.ts";
import { MemoryStorage } from "../memory-storage.ts";
import type { Observation, ReplicaView } from "./observation.ts";
import type { Disturbance, Outcome, SimulatedProcess } from "./process.ts";
import type { Random } from "./random.ts";
import { RegisterMachine, type SnapshotImage } from "./register-machine.ts";
import { SimulatedLog } from "./simulated-log.ts";
import type { Parcel } from "./simulated-network.ts";
import type { Swarm } from "./swarm.ts";
import type { Timeline } from "./timeline.ts";
import { WaitingClients } from "./waiting-clients.ts";

/** What a replica needs of its world. */
export interface NodeEnvironment {
  readonly timeline: Timeline;
  readonly random: Random;
  readonly swarm: Swarm;
  readonly send: (parcel: Parcel) => void;
  readonly observe: (observation: Observation) => void;
  readonly note: (line: string) => void;
  readonly violation: (what: string) => void;
}

/** More work than one input can cause. */
const maxWork = 1000;

/** How fast a clock may run, off true: two of them differ by less than the drift that leases allow for. */
const maxClockError = 0.04;

/** A process with one replica: the core, a log on a simulated disk, an application. It can crash, stand still and restart. */
export class SimulatedNode implements ReplicaView, SimulatedProcess {
  readonly id: number;
  readonly log: SimulatedLog;
  readonly #env: NodeEnvironment;
  readonly #clockRate: number;
  readonly #emptyImage: SnapshotImage;
  /** On disk: the application's state at its snapshots, and at some moment (if it survives crashes by itself). */
  #images = new Map<number, SnapshotImage>();
  #durableImage: SnapshotImage;
  #raw: RawNode | undefined;
  #machine: RegisterMachine;
  #life = 0;
  #pausedUntilMs = 0;
  /** What waits while the process stands still, and what to do if it never goes on. */
  #deferred: { readonly action: () => void; readonly otherwise: (() => void) | undefined }[] = [];
  #applying: StorageApply[] = [];
  #compacting = false;
  readonly #clients = new WaitingClients();
  #wasLeader = false;
  #seenCommit = 0;

  constructor(id: number, firstVoters: readonly number[], env: NodeEnvironment) {
    this.id = id;
    this.#env = env;
    const first = firstVoters.includes(id);
    const storage = first ? MemoryStorage.bootstrap(firstVoters) : new MemoryStorage();
    this.log = new SimulatedLog({ storage, ...env });
    const { index, term, configuration } = storage.snapshot();
    this.#emptyImage = { index, term, configuration, digest: 0, registers: new Map() };
    this.#images.set(index, this.#emptyImage);
    this.#durableImage = this.#emptyImage;
    this.#machine = new RegisterMachine(this.#emptyImage);
    const drifts = env.swarm.faults.has("clockDrift");
    this.#clockRate = drifts ? 1 + env.random.between(-maxClockError, maxClockError) : 1;
  }

  get up(): boolean {
    return this.#raw !== undefined;
  }

  get leads(): boolean {
    return this.status?.role === "leader";
  }

  get status(): Status | undefined {
    return this.#raw?.status();
  }

  get machine(): RegisterMachine {
    return this.#machine;
  }

  get durable(): ReplicaView["durable"] {
    const { storage } = this.log;
    const { term, vote } = storage.initialState().hardState;
    return { term, vote, lastIndex: storage.lastIndex(), snapshotIndex: storage.snapshot().index };
  }

  termAt(index: number): number | undefined {
    return this.log.termAt(index);
  }

  durableTermAt(index: number): number | undefined {
    return this.log.durableTermAt(index);
  }

  start(): void {
    const { storage } = this.log;
    const snapshotIndex = storage.snapshot().index;
    const snapshot = this.#images.get(snapshotIndex) ?? this.#emptyImage;
    const durable = this.#env.swarm.durableApplication && this.#durableImage.index >= snapshotIndex;
    this.#machine = new RegisterMachine(durable ? this.#durableImage : snapshot);
    this.#env.note(`${this.id} starts at ${this.#machine.index}`);
    this.#guard(() => {
      this.#raw = this.#makeCore();
      this.#seenCommit = this.#raw.status().hardState.commit;
    });
    this.#scheduleTick(this.#life);
  }

  /** The process dies. */
  crash({ powerLost }: { readonly powerLost: boolean }): void {
    if (!this.up) return;
    this.#env.note(`${this.id} ${powerLost ? "loses power" : "is killed"}`);
    this.#life += 1;
    this.#raw = undefined;
    this.#wasLeader = false;
    const waiting = this.#deferred;
    this.#deferred = [];
    for (const { otherwise } of waiting) otherwise?.();
    this.#applying = [];
    this.#compacting = false;
    this.#pausedUntilMs = 0;
    this.log.crash({ powerLost });
    this.#clients.abandonAll();
  }

  /** The process stands still; what arrives waits. */
  pause(durationMs: number): void {
    if (!this.up || this.#pausedUntilMs > 0) return;
    const { timeline, swarm } = this.#env;
    const life = this.#life;
    this.#env.note(`${this.id} stands still for ${durationMs.toFixed(0)} ms`);
    this.#pausedUntilMs = timeline.nowMs + durationMs;
    timeline.after(durationMs, () => {
      if (life !== this.#life) return;
      this.#pausedUntilMs = 0;
      const isLong = durationMs > (swarm.electionTick * swarm.tickMs) / 2;
      if (isLong && swarm.suspensionNoticed) this.#input((raw) => raw.suspend());
      const waiting = this.#deferred;
      this.#deferred = [];
      for (const { action } of waiting) action();
    });
  }

  receive(parcel: Parcel): void {
    this.#whenAwake(
      () => {
        const message = decodeMessage(parcel.bytes);
        if (parcel.image !== undefined) {
          // A snapshot's data are on disk before the core hears of it.
          this.#images.set(parcel.image.index, parcel.image);
          parcel.onFate?.(true);
        }
        this.#input((raw) => raw.step(message));
      },
      () => parcel.onFate?.(false),
    );
  }

  propose(_key: string, data: Uint8Array, done: (outcome: Outcome) => void): void {
    this.#whenAwake(
      () => {
        this.#input((raw) => {
          const result = raw.propose([data]);
          if (result.status === "appended") this.#clients.command(result.index, { term: result.term, done });
          else done({ status: "dropped" });
        });
      },
      () => done({ status: "dropped" }),
    );
  }

  read(key: string, done: (value: string | undefined) => void): void {
    const answer = (machine: RegisterMachine | undefined): void => done(machine?.read(key));
    this.#whenAwake(
      () => {
        this.#input((raw) => {
          const result = raw.readIndex();
          if (result.status === "accepted") this.#clients.read(result.ticket, answer);
          else done(undefined);
        });
      },
      () => done(undefined),
    );
  }

  change(change: ConfChange): void {
    this.#whenAwake(() => this.#input((raw) => raw.proposeConfChange(change)));
  }

  transfer(target: number): void {
    this.#whenAwake(() => this.#input((raw) => raw.transferLeader(target)));
  }

  disturb(kind: Disturbance): void {
    const { random, swarm } = this.#env;
    const peer = 1 + random.below(swarm.voters);
    this.#whenAwake(() =>
      this.#input((raw) => {
        if (kind === "reportUnreachable") raw.reportUnreachable(peer);
        else raw[kind]();
      }),
    );
  }

  #makeCore(): RawNode {
    const { swarm, random, timeline } = this.#env;
    return new RawNode({
      id: this.id,
      storage: this.log.storage,
      applied: this.#machine.index,
      incarnation: this.#life + 1,
      randomElectionTicks: (spread) => random.below(spread),
      monotonicTicks: () => (timeline.nowMs * this.#clockRate) / swarm.tickMs,
      electionTick: swarm.electionTick,
      heartbeatTick: 2,
      preVote: swarm.preVote,
      checkQuorum: swarm.checkQuorum,
      readMode: swarm.lease ? "lease" : "safe",
      maxBytesPerMessage: swarm.maxBytesPerMessage,
      maxInflightMessages: swarm.maxInflightMessages,
      maxCommittedBytesPerReady: 256,
      asyncStorageWrites: true,
    });
  }

  #scheduleTick(life: number): void {
    const { timeline, swarm } = this.#env;
    timeline.after(swarm.tickMs / this.#clockRate, () => {
      if (life !== this.#life) return;
      // Ticks that pass while the process stands still are gone.
      if (this.#pausedUntilMs === 0) this.#input((raw) => raw.tick());
      this.#scheduleTick(life);
    });
  }

  /** Runs something in this life, now or when the process goes on. */
  #whenAwake(action: () => void, otherwise?: () => void): void {
    if (!this.up) otherwise?.();
    else if (this.#pausedUntilMs > 0) this.#deferred.push({ action, otherwise });
    else action();
  }

  /** Gives the core an input, then does what it wants done. */
  #input(give: (raw: RawNode) => void): void {
    const raw = this.#raw;
    if (raw === undefined) return;
    this.#guard(() => {
      give(raw);
      for (let work = 0; raw.hasReady(); work += 1) {
        if (work === maxWork) throw new RaftError("INVARIANT", "It always has more work, whatever is done.");
        this.#perform(raw.readyAsync());
      }
      this.#noteTurn(raw.status());
    });
  }

  #perform(ready: AsyncReady): void {
    const { append, apply } = ready;
    for (const message of ready.messages) this.#send(message);
    if (append !== undefined) {
      const first = append.entries[0];
      const previousTerm = first === undefined ? 0 : (this.termAt(first.index - 1) ?? 0);
      this.#env.observe({ type: "written", replica: this.id, entries: append.entries, previousTerm });
      this.log.write(append, () => {
        this.#whenAwake(() => {
          if (append.snapshot !== undefined) this.#restore(append.snapshot);
          for (const message of append.messages) this.#send(message);
          this.#input((raw) => raw.appended(append));
        });
      });
    }
    if (apply !== undefined) this.#queueApply(apply);
    for (const { ticket, index } of ready.readStates) this.#clients.confirmed(ticket, index);
    this.#clients.answer(this.#machine);
    for (const ticket of ready.abandonedReads) this.#clients.abandoned(ticket);
  }

  #send(message: Message): void {
    this.#env.observe({ type: "sent", message });
    const parcel = { from: this.id, to: message.to, bytes: encodeMessage(message) };
    this.#env.note(describeMessage(message));
    const { random, swarm, timeline } = this.#env;
    if (message.type === "timeoutNow" && swarm.faults.has("delay") && random.chance(0.5)) {
      // A request to take over that is obeyed late is the dangerous one.
      timeline.after(random.between(50, 400), () => this.#env.send(parcel));
      return;
    }
    if (message.type !== "installSnapshot") {
      this.#env.send(parcel);
      return;
    }
    const life = this.#life;
    const image = this.#images.get(message.snapshot.index) ?? this.#emptyImage;
    const onFate = (arrived: boolean): void => {
      if (life !== this.#life) return;
      this.#whenAwake(() =>
        this.#input((raw) => raw.reportSnapshot(message.to, arrived ? "sent" : "failed")),
      );
    };
    this.#env.send({ ...parcel, image, onFate });
  }

  #queueApply(apply: StorageApply): void {
    this.#applying.push(apply);
    const life = this.#life;
    this.#env.timeline.after(this.#env.random.between(0, this.#env.swarm.applyMs), () => {
      if (life !== this.#life) return;
      this.#whenAwake(() => {
        const next = this.#applying.shift();
        if (next === undefined) return;
        for (const entry of next.entries) this.#apply(entry);
        this.#input((raw) => raw.applied(next));
        this.#compactIfDue();
      });
    });
  }

  #apply(entry: Entry): void {
    // A snapshot may have overtaken entries that were on their way to the application.
    if (entry.index <= this.#machine.index) return;
    if (entry.type === EntryType.ConfChange) {
      this.#guard(() => {
        const configuration = this.#raw?.applyConfChange(entry) ?? this.#machine.configuration;
        this.#machine.configuration = configuration;
        this.#env.note(
          `${this.id} applies ${entry.index}@${entry.term} ${describeConfiguration(configuration)}`,
        );
        this.#env.observe({ type: "reconfigured", replica: this.id, configuration });
      });
    }
    const answer = this.#machine.apply(entry);
    this.#env.observe({ type: "applied", replica: this.id, entry, digest: this.#machine.digest });
    this.#clients.applied(entry.index, entry.term, answer ?? false);
    if (this.#env.random.chance(0.2)) this.#durableImage = this.#machine.snapshot();
    this.#clients.answer(this.#machine);
  }

  #restore({ index }: SnapshotMetadata): void {
    const image = this.#images.get(index);
    if (image === undefined) {
      this.#env.violation(`replica ${this.id} accepted a snapshot at ${index} without its data`);
      return;
    }
    this.#env.note(
      `${this.id} restores ${index}@${image.term} ${describeConfiguration(image.configuration)}`,
    );
    this.#machine.restore(image);
    this.#env.observe({ type: "restored", replica: this.id, index, digest: image.digest });
    this.#clients.skippedTo(index);
    this.#clients.answer(this.#machine);
  }

  #compactIfDue(): void {
    const { swarm } = this.#env;
    const { storage } = this.log;
    const grown = this.#machine.index - storage.firstIndex();
    if (this.#compacting || grown < swarm.snapshotEvery + swarm.keptEntries) return;
    this.#compacting = true;
    const image = this.#machine.snapshot();
    // The application's state is on disk before the log forgets how it came about.
    this.#images.set(image.index, image);
    this.#env.note(`${this.id} compacts to ${image.index}`);
    this.log.compact(image.index - swarm.keptEntries, image, () => (this.#compacting = false));
  }

  #noteTurn(status: Status): void {
    const { observe } = this.#env;
    const leads = status.role === "leader";
    const { term, commit } = status.hardState;
    if (leads && !this.#wasLeader) {
      this.#env.note(`${this.id} leads term ${term}`);
      observe({ type: "elected", replica: this.id, term });
    }
    // What a replica learned before it led is not of its making.
    const commits = leads && this.#wasLeader && commit > this.#seenCommit;
    this.#wasLeader = leads;
    if (commits) {
      observe({ type: "committed", replica: this.id, index: commit, configuration: status.configuration });
    }
    this.#seenCommit = commit;
    observe({ type: "turned", replica: this.id, status });
  }

  #guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#env.violation(
        `replica ${this.id} stopped: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  }
}
