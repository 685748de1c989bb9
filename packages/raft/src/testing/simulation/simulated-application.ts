import { emptyConfiguration, type Entry, type SnapshotMetadata } from "../../index.ts";
import type { ReceivedState, SnapshotStore, StateMachine, StateSnapshot } from "../../host/index.ts";
import { type RegisterAnswer, RegisterMachine, type SnapshotImage } from "./register-machine.ts";

const chunkBytes = 100;

/** The registers of an empty application. */
export const emptyImage: SnapshotImage = {
  index: 0,
  term: 0,
  digest: 0,
  configuration: emptyConfiguration,
  registers: new Map(),
};

/** What a simulated application reports. */
export interface ApplicationObserver {
  applied(entry: Entry, digest: number): void;
  restored(index: number, digest: number): void;
  /** The state became durable. Only called when the application keeps its state itself. */
  persisted(image: SnapshotImage): void;
}

/** The registers as a host's state machine: in memory, or with a state of its own that survives crashes. */
export class SimulatedApplication implements StateMachine<RegisterAnswer> {
  readonly machine: RegisterMachine;
  readonly #observer: ApplicationObserver;
  readonly #persistent: boolean;
  readonly #isTimeToPersist: () => boolean;
  #durableIndex: number;

  constructor(options: {
    readonly image: SnapshotImage;
    readonly persistent: boolean;
    readonly observer: ApplicationObserver;
    readonly isTimeToPersist: () => boolean;
  }) {
    this.machine = new RegisterMachine(options.image);
    this.#observer = options.observer;
    this.#persistent = options.persistent;
    this.#isTimeToPersist = options.isTimeToPersist;
    this.#durableIndex = options.image.index;
  }

  appliedIndex(): number {
    return this.#persistent ? this.#durableIndex : 0;
  }

  apply(entries: readonly Entry[]): RegisterAnswer[] {
    return entries.map((entry) => {
      const answer = this.machine.apply(entry) ?? false;
      this.#observer.applied(entry, this.machine.digest);
      if (this.#persistent && this.#isTimeToPersist()) this.#persist();
      return answer;
    });
  }

  snapshot(): StateSnapshot {
    const { index, term, digest, registers } = this.machine.snapshot();
    const bytes = new TextEncoder().encode(
      JSON.stringify({ index, term, digest, registers: [...registers] }),
    );
    return { read: (offset) => chunks(bytes, offset), close: () => undefined };
  }

  async receive(_metadata: SnapshotMetadata, parts: AsyncIterable<Uint8Array>): Promise<ReceivedState> {
    const decoder = new TextDecoder();
    let text = "";
    for await (const part of parts) text += decoder.decode(part, { stream: true });
    const { index, term, digest, registers }: StoredImage = JSON.parse(text);
    return {
      install: () => {
        this.machine.restore({ ...emptyImage, index, term, digest, registers: new Map(registers) });
        this.#observer.restored(index, digest);
        if (this.#persistent) this.#persist();
      },
      discard: () => undefined,
    };
  }

  #persist(): void {
    this.#durableIndex = this.machine.index;
    this.#observer.persisted(this.machine.snapshot());
  }
}

interface StoredImage {
  readonly index: number;
  readonly term: number;
  readonly digest: number;
  readonly registers: readonly (readonly [string, string])[];
}

/** Snapshots that survive everything, once they are complete. */
export class SimulatedSnapshots implements SnapshotStore {
  readonly #byGroup = new Map<
    number,
    { readonly metadata: SnapshotMetadata; readonly bytes: Uint8Array }[]
  >();

  list(group: number): Promise<readonly SnapshotMetadata[]> {
    return Promise.resolve(this.#of(group).map(({ metadata }) => metadata));
  }

  async write(group: number, metadata: SnapshotMetadata, parts: AsyncIterable<Uint8Array>): Promise<void> {
    const received: Uint8Array[] = [];
    for await (const part of parts) received.push(part.slice());
    const bytes = Buffer.concat(received);
    const others = this.#of(group).filter((stored) => stored.metadata.index !== metadata.index);
    const all = [...others, { metadata, bytes }];
    this.#byGroup.set(
      group,
      all.toSorted((left, right) => right.metadata.index - left.metadata.index),
    );
  }

  read(group: number, index: number, offset: number): AsyncIterable<Uint8Array> {
    const found = this.#of(group).find(({ metadata }) => metadata.index === index);
    return chunks(found?.bytes ?? new Uint8Array(0), offset);
  }

  dropBefore(group: number, index: number): Promise<void> {
    this.#byGroup.set(
      group,
      this.#of(group).filter(({ metadata }) => metadata.index >= index),
    );
    return Promise.resolve();
  }

  /** The disk is gone. */
  wipe(): void {
    this.#byGroup.clear();
  }

  #of(group: number): { readonly metadata: SnapshotMetadata; readonly bytes: Uint8Array }[] {
    return this.#byGroup.get(group) ?? [];
  }
}

async function* chunks(bytes: Uint8Array, offset: number): AsyncGenerator<Uint8Array> {
  for (let at = offset; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
}
