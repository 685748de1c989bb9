/**
 * The state machine's calls, one after the other: batches of entries, and tasks such as taking a snapshot, each in its
 * place. A state machine that answers at once is called within the turn, up to a number of bytes; one that answers with
 * a promise is called again when the promise has settled.
 */
import type { Entry } from "../core/entry.ts";
import type { StorageApply } from "../core/ready.ts";
import { RaftError } from "../core/raft-error.ts";
import type { StateMachine } from "./state-machine.ts";

/** Entries of a batch, and one result for each; none for entries that the state machine had applied before. */
export interface AppliedPart<Result> {
  readonly entries: readonly Entry[];
  readonly results: readonly Result[] | undefined;
}

/** Told what became of the calls. */
export interface ApplyPipelineOptions<Result> {
  readonly stateMachine: StateMachine<Result>;
  /** Up to where the state machine has applied already. */
  readonly stateIndex: number;
  /** A batch is applied. */
  applied(apply: StorageApply, parts: readonly AppliedPart<Result>[]): void;
  /** There is something to do for the next turn. */
  readonly wake: () => void;
  /** A call failed; nothing further is called. */
  readonly failed: (error: unknown) => void;
}

/** A batch to apply, or a task in its place among the batches. */
type Step =
  | { readonly apply: StorageApply }
  | { readonly task: () => Promise<void>; readonly cancel: () => void };

/** Runs the state machine of one group. */
export class ApplyPipeline<Result = unknown> {
  readonly #options: ApplyPipelineOptions<Result>;
  #steps: Step[] = [];
  #head = 0;
  #busy = false;
  #stopped = false;
  /** While a state machine waits to be brought up to date, nothing is applied. */
  #held = false;
  /** Up to where the state machine has applied. */
  stateIndex: number;

  constructor(options: ApplyPipelineOptions<Result>) {
    this.#options = options;
    this.stateIndex = options.stateIndex;
  }

  /** Whether there is something that can be called now. */
  get ready(): boolean {
    if (this.#busy || this.#stopped || this.#head >= this.#steps.length) return false;
    return !this.#held || !("apply" in (this.#steps[this.#head] ?? {}));
  }

  /** Whether nothing is called and nothing waits. */
  get idle(): boolean {
    return !this.#busy && this.#head >= this.#steps.length;
  }

  /** Whether applying waits for `release`. */
  get held(): boolean {
    return this.#held;
  }

  push(apply: StorageApply): void {
    this.#steps.push({ apply });
  }

  /** Runs `task` when everything before it is applied, and nothing else meanwhile. Its failure is its caller's. */
  exclusively<Outcome>(task: () => Outcome | Promise<Outcome>): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      const run = async (): Promise<void> => {
        try {
          resolve(await task());
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      };
      const cancel = (): void => {
        reject(new RaftError("CLOSED", "The group has stopped."));
      };
      if (this.#stopped) cancel();
      // Applying may be held up until this very task brings the state machine up to date: then it goes first.
      else if (this.#held) this.#steps.splice(this.#head, 0, { task: run, cancel });
      else this.#steps.push({ task: run, cancel });
      this.#options.wake();
    });
  }

  /** Applies nothing until `release`; the state machine is too old for what is to be applied. */
  hold(): void {
    this.#held = true;
  }

  release(): void {
    this.#held = false;
    this.#options.wake();
  }

  /** Calls the state machine until nothing waits, `budgetBytes` are used up, or it answers with a promise. Returns the bytes. */
  run(budgetBytes: number): number {
    let bytes = 0;
    while (this.ready && bytes < budgetBytes) {
      const step = this.#steps[this.#head];
      this.#head += 1;
      if (step === undefined) break;
      if ("task" in step) {
        this.#wait(step.task());
        break;
      }
      bytes += this.#apply(step.apply);
    }
    if (this.#head === this.#steps.length) {
      this.#steps = [];
      this.#head = 0;
    }
    return bytes;
  }

  stop(): void {
    this.#stopped = true;
    const steps = this.#steps.slice(this.#head);
    this.#steps = [];
    this.#head = 0;
    for (const step of steps) if ("cancel" in step) step.cancel();
  }

  #apply(apply: StorageApply): number {
    const { entries } = apply;
    let bytes = 0;
    for (const entry of entries) bytes += entry.data.length;
    const fresh = entries.findIndex((entry) => entry.index > this.stateIndex);
    const known = fresh < 0 ? entries : entries.slice(0, fresh);
    const rest = fresh < 0 ? [] : fresh === 0 ? entries : entries.slice(fresh);
    try {
      if (rest.length === 0) this.#done(apply, known, rest, []);
      else {
        const results = this.#options.stateMachine.apply(rest);
        if (isPromise(results)) this.#wait(this.#later(apply, known, rest, results));
        else this.#done(apply, known, rest, results);
      }
    } catch (error) {
      this.#fail(error);
    }
    return bytes;
  }

  async #later(
    apply: StorageApply,
    known: readonly Entry[],
    rest: readonly Entry[],
    results: Promise<readonly Result[]>,
  ): Promise<void> {
    this.#done(apply, known, rest, await results);
  }

  #done(
    apply: StorageApply,
    known: readonly Entry[],
    rest: readonly Entry[],
    results: readonly Result[],
  ): void {
    if (this.#stopped) return;
    if (results.length !== rest.length) {
      const message = `The state machine returned ${results.length} results for ${rest.length} entries.`;
      throw new RaftError("INVALID_ARGUMENT", message);
    }
    this.stateIndex = rest.at(-1)?.index ?? this.stateIndex;
    const parts = known.length === 0 ? [] : [{ entries: known, results: undefined }];
    this.#options.applied(apply, rest.length === 0 ? parts : [...parts, { entries: rest, results }]);
  }

  #wait(promise: Promise<void>): void {
    this.#busy = true;
    promise
      .catch((error: unknown) => {
        this.#fail(error);
      })
      .finally(() => {
        this.#busy = false;
        this.#options.wake();
      });
  }

  #fail(error: unknown): void {
    if (this.#stopped) return;
    this.stop();
    this.#options.failed(error);
  }
}

function isPromise<Value>(value: Value | Promise<Value>): value is Promise<Value> {
  return value instanceof Promise;
}
