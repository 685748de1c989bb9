import {
  type Configuration,
  emptyConfiguration,
  type Entry,
  EntryType,
  type Message,
  RawNode,
  type RawNodeConfig,
  type ReadState,
  type StorageAppend,
} from "../index.ts";
import { describeEntry, type NameOf } from "./describe.ts";
import type { MemoryStorage } from "./memory-storage.ts";

/** What a replica of a cluster in memory needs of the cluster. */
export interface ClusterNodeOptions {
  readonly id: number;
  readonly storage: MemoryStorage;
  readonly config: Omit<RawNodeConfig, "id" | "storage" | "applied" | "incarnation">;
  readonly nameOf: NameOf;
  /** Called for each message that leaves. */
  readonly send: (message: Message) => void;
  /** Called with a line for each thing worth telling. */
  readonly note: (line: string) => void;
}

/** One replica: a `RawNode`, its storage, and an application that remembers the commands it has applied. */
export class ClusterNode {
  readonly id: number;
  readonly storage: MemoryStorage;
  readonly #options: ClusterNodeOptions;
  #raw: RawNode;
  #lives = 1;
  #configuration: Configuration = emptyConfiguration;
  #applied: string[] = [];
  #appliedIndex: number;
  #appliedTerm = 0;
  /** The application's state at the snapshots it took or received. */
  readonly #snapshots = new Map<number, readonly string[]>();
  /** Writes that the disk has not finished; only in the asynchronous mode. */
  #writes: StorageAppend[] = [];
  /** While true, writes are accepted and do not become durable. */
  diskStalled = false;
  readonly readStates: ReadState[] = [];

  constructor(options: ClusterNodeOptions) {
    this.id = options.id;
    this.storage = options.storage;
    this.#options = options;
    this.#appliedIndex = this.storage.snapshot().index;
    this.#snapshots.set(this.#appliedIndex, []);
    this.#configuration = this.storage.snapshot().configuration;
    this.#raw = this.#start();
  }

  get raw(): RawNode {
    return this.#raw;
  }

  /** The commands applied, as text, empty ones left out. */
  get applied(): readonly string[] {
    return this.#applied;
  }

  /** A crash and a restart: what was not durable is lost, the application remembers what it applied. */
  restart(): void {
    this.#writes = [];
    this.#lives += 1;
    this.#options.note(`${this.#name} restarts`);
    this.#raw = this.#start();
  }

  /** Takes a snapshot of the application and drops the entries that it covers. */
  compact(): void {
    const metadata = {
      index: this.#appliedIndex,
      term: this.#appliedTerm,
      configuration: this.#configuration,
    };
    this.#snapshots.set(metadata.index, [...this.#applied]);
    this.storage.compact(metadata.index, metadata);
    this.#options.note(`${this.#name} compacts to ${metadata.index}`);
  }

  /** The state of the application that goes with a snapshot this replica sends. */
  snapshotData(index: number): readonly string[] {
    return this.#snapshots.get(index) ?? [];
  }

  /** The data of a snapshot have arrived; the message follows. */
  receiveSnapshotData(index: number, data: readonly string[]): void {
    this.#snapshots.set(index, data);
  }

  /** Does what the replica wants done. Returns whether there was anything. */
  work(): boolean {
    let busy = false;
    while (this.#raw.hasReady()) {
      busy = true;
      if (this.#options.config.asyncStorageWrites === true) this.#workAsync();
      else this.#workSync();
    }
    return this.#finishWrites() || busy;
  }

  #workSync(): void {
    const ready = this.#raw.ready();
    this.#noteState(ready);
    this.storage.write(ready);
    for (const message of ready.messages) this.#options.send(message);
    if (ready.snapshot !== undefined) this.#restore(ready.snapshot.index);
    this.#apply(ready.committedEntries);
    this.readStates.push(...ready.readStates);
    this.#raw.advance();
  }

  #workAsync(): void {
    const ready = this.#raw.readyAsync();
    this.#noteState(ready);
    for (const message of ready.messages) this.#options.send(message);
    if (ready.append !== undefined) this.#writes.push(ready.append);
    if (ready.apply !== undefined) {
      this.#apply(ready.apply.entries);
      this.#raw.applied(ready.apply);
    }
    this.readStates.push(...ready.readStates);
  }

  #finishWrites(): boolean {
    if (this.diskStalled) return false;
    const finished = this.#writes;
    this.#writes = [];
    for (const write of finished) {
      this.storage.write(write);
      if (write.snapshot !== undefined) this.#restore(write.snapshot.index);
      for (const message of write.messages) this.#options.send(message);
      this.#raw.appended(write);
    }
    return finished.length > 0;
  }

  #apply(entries: readonly Entry[]): void {
    for (const entry of entries) {
      this.#appliedIndex = entry.index;
      this.#appliedTerm = entry.term;
      if (entry.type === EntryType.ConfChange) this.#configuration = this.#raw.applyConfChange(entry);
      else if (entry.data.length > 0) this.#applied.push(new TextDecoder().decode(entry.data));
      this.#options.note(`${this.#name} applies ${describeEntry(entry)}`);
    }
  }

  #restore(index: number): void {
    const { term, configuration } = this.storage.snapshot();
    this.#applied = [...this.snapshotData(index)];
    this.#appliedIndex = index;
    this.#appliedTerm = term;
    this.#configuration = configuration;
    this.#options.note(`${this.#name} restores the snapshot at ${index}`);
  }

  #noteState({
    softState,
  }: {
    readonly softState?: { readonly role: string; readonly leader: number };
  }): void {
    if (softState === undefined) return;
    const { term } = this.#raw.status().hardState;
    const follows = softState.role === "follower" && softState.leader !== 0;
    const whom = follows ? ` of ${this.#options.nameOf(softState.leader)}` : "";
    this.#options.note(`${this.#name} is ${softState.role}${whom} in term ${term}`);
  }

  get #name(): string {
    return this.#options.nameOf(this.id);
  }

  #start(): RawNode {
    return new RawNode({
      ...this.#options.config,
      id: this.id,
      storage: this.storage,
      applied: this.#appliedIndex,
      incarnation: this.#lives,
    });
  }
}
