// Whether a history is linearizable: a search for an order (Wing and Gong, 1993) that never looks twice at the same set of
// placed operations in the same state (Lowe, 2017).
//
// Three things keep it fast. The set is written as the newest placed operation and the few older ones that are not placed
// yet, so that remembering it costs no more than the concurrency. Operations of unknown outcome are tried last: most of them
// need not have happened for the others to make sense. And when one is tried, the operation after it must show its effect:
// if it would have gone the same way without, the unknown one is better left out.

import type { Model } from "./model.ts";
import type { Operation } from "./operation.ts";
import { describeViolation, type Stuck } from "./report.ts";

/** The answer, and for a violation a text that shows where the search got stuck. */
export type Verdict =
  | { readonly status: "linearizable" }
  | { readonly status: "violation"; readonly report: string }
  /** The search was given up. */
  | { readonly status: "undecided"; readonly steps: number };

/** What bounds a search. */
export interface CheckOptions {
  /** Default 5,000,000. */
  readonly maxSteps?: number;
}

const defaultMaxSteps = 5_000_000;

/** Looks for an order of the operations of one object. */
export function checkLinearizability<State, Input, Output>(
  model: Model<State, Input, Output>,
  history: readonly Operation<Input, Output>[],
  options: CheckOptions = {},
): Verdict {
  const search = new Search(model, history);
  const status = search.run(options.maxSteps ?? defaultMaxSteps);
  if (status === "linearizable") return { status };
  if (status === "undecided") return { status, steps: search.steps };
  // The search is deterministic: go once more to where it came furthest, and look around.
  const furthest = new Search(model, history);
  furthest.run(search.furthestStep);
  return { status, report: describeViolation(model, furthest.situation()) };
}

/** The same for many independent objects, each with its own history: the first violation, if any. */
export function checkPartitioned<State, Input, Output>(
  model: Model<State, Input, Output>,
  histories: ReadonlyMap<string, readonly Operation<Input, Output>[]>,
  options: CheckOptions = {},
): Verdict {
  let verdict: Verdict = { status: "linearizable" };
  for (const [key, history] of histories) {
    const found = checkLinearizability(model, history, options);
    if (found.status === "violation") return { ...found, report: `Object ${key}: ${found.report}` };
    if (found.status === "undecided") verdict = found;
  }
  return verdict;
}

/** A state, and what may come next in it. */
interface Frame<State> {
  readonly state: State;
  /** The state before, if an operation of unknown outcome led here. */
  readonly without: { readonly state: State } | undefined;
  readonly candidates: number[];
  next: number;
  unknownAdded: boolean;
  /** The candidate that is placed while the search is deeper. */
  placed: number;
}

class Search<State, Input, Output> {
  readonly #model: Model<State, Input, Output>;
  /** The known ones by call, then the unknown ones by call. An operation is called by its position here. */
  readonly #operations: readonly Operation<Input, Output>[];
  readonly #knownCount: number;
  /** The known ones by return. */
  readonly #byReturn: readonly number[];
  readonly #placed: boolean[];
  readonly #seen = new Set<string>();
  #placedKnown = 0;
  /** Which unknown ones are placed: a fingerprint of 64 bits, since their number may be large. */
  #fingerprint = { low: 0, high: 0 };
  #top = -1;
  #firstOpenReturn = 0;
  #firstOpenCall = 0;
  readonly #frames: Frame<State>[] = [];
  #mostPlaced = 0;
  steps = 0;
  furthestStep = 0;

  constructor(model: Model<State, Input, Output>, history: readonly Operation<Input, Output>[]) {
    this.#model = model;
    const byCall = history.toSorted((left, right) => left.call - right.call);
    const known = byCall.filter((operation) => operation.result !== undefined);
    this.#knownCount = known.length;
    this.#operations = [...known, ...byCall.filter((operation) => operation.result === undefined)];
    const numbers = known.map((_, number) => number);
    this.#byReturn = numbers.toSorted((left, right) => this.#returnOf(left) - this.#returnOf(right));
    this.#placed = this.#operations.map(() => false);
  }

  run(maxSteps: number): Verdict["status"] {
    const frames = this.#frames;
    frames.push(this.#frame(this.#model.initial, undefined));
    for (this.steps = 0; this.steps < maxSteps; this.steps += 1) {
      if (this.#placedKnown === this.#knownCount) return "linearizable";
      const deeper = this.#advance(frames.at(-1)!);
      if (deeper !== undefined) {
        frames.push(deeper);
        if (this.#placedKnown > this.#mostPlaced) {
          this.#mostPlaced = this.#placedKnown;
          this.furthestStep = this.steps + 1;
        }
        continue;
      }
      frames.pop();
      const parent = frames.at(-1);
      if (parent === undefined) return "violation";
      this.#unplace(parent.placed);
    }
    return "undecided";
  }

  /** Where the search stands: the order so far, what is left, and the state. */
  situation(): Stuck<State, Input, Output> {
    const order = this.#frames.slice(0, -1).map(({ placed }) => this.#operations[placed]!);
    const rest = this.#operations.filter((_, number) => this.#placed[number] !== true);
    return { order, rest, state: this.#frames.at(-1)?.state ?? this.#model.initial };
  }

  /** Places the next candidate that leads anywhere new. */
  #advance(frame: Frame<State>): Frame<State> | undefined {
    for (;;) {
      if (frame.next === frame.candidates.length && !this.#addUnknown(frame)) return undefined;
      const number = frame.candidates[frame.next];
      if (number === undefined) return undefined;
      frame.next += 1;
      const after = this.#stateAfter(frame, number);
      if (after === undefined) continue;
      this.#place(number);
      const without = number < this.#knownCount ? undefined : { state: frame.state };
      const key = this.#key(after.state, without);
      if (this.#seen.has(key)) {
        this.#unplace(number);
        continue;
      }
      this.#seen.add(key);
      frame.placed = number;
      return this.#frame(after.state, without);
    }
  }

  /** Undefined when the operation does not fit, or when an unknown one would be placed for nothing. */
  #stateAfter(
    frame: Pick<Frame<State>, "state" | "without">,
    number: number,
  ): { readonly state: State } | undefined {
    const { input, result } = this.#operations[number]!;
    const after = this.#model.step(frame.state, input, result?.output);
    if (after === undefined) return undefined;
    const key = this.#model.keyOf(after.state);
    if (number >= this.#knownCount && key === this.#model.keyOf(frame.state)) return undefined;
    if (frame.without === undefined) return after;
    const otherwise = this.#model.step(frame.without.state, input, result?.output);
    return otherwise !== undefined && this.#model.keyOf(otherwise.state) === key ? undefined : after;
  }

  /** What may come next: the known operations that were called before the first unplaced return. */
  #frame(state: State, without: Frame<State>["without"]): Frame<State> {
    while (this.#placed[this.#byReturn[this.#firstOpenReturn] ?? -1] === true) this.#firstOpenReturn += 1;
    while (this.#firstOpenCall < this.#knownCount && this.#placed[this.#firstOpenCall] === true)
      this.#firstOpenCall += 1;
    const deadline = this.#deadline();
    const candidates: number[] = [];
    for (let number = this.#firstOpenCall; number < this.#knownCount; number += 1) {
      if (this.#operations[number]!.call > deadline) break;
      if (this.#placed[number] !== true) candidates.push(number);
    }
    return { state, without, candidates, next: 0, unknownAdded: false, placed: -1 };
  }

  /** No known operation leads on: try the unknown ones too, if one of the others would show that it happened. */
  #addUnknown(frame: Frame<State>): boolean {
    if (frame.unknownAdded) return false;
    frame.unknownAdded = true;
    const deadline = this.#deadline();
    const open: number[] = [];
    for (let number = this.#knownCount; number < this.#operations.length; number += 1) {
      if (this.#operations[number]!.call > deadline) break;
      if (this.#placed[number] !== true) open.push(number);
    }
    // An unknown operation that would have no effect in this state can only witness for another one.
    const idle = open.filter((number) => this.#stateAfter(frame, number) === undefined);
    const witnesses = [...frame.candidates, ...idle];
    for (const number of open) {
      const after = this.#stateAfter(frame, number);
      if (after === undefined) continue;
      const shown = { state: after.state, without: { state: frame.state } };
      if (witnesses.some((witness) => this.#stateAfter(shown, witness) !== undefined))
        frame.candidates.push(number);
    }
    return true;
  }

  #deadline(): number {
    let first = this.#firstOpenReturn;
    while (this.#placed[this.#byReturn[first] ?? -1] === true) first += 1;
    return this.#returnOf(this.#byReturn[first] ?? -1);
  }

  #place(number: number): void {
    this.#placed[number] = true;
    if (number < this.#knownCount) {
      this.#placedKnown += 1;
      this.#top = Math.max(this.#top, number);
    } else {
      this.#toggle(number);
    }
  }

  #unplace(number: number): void {
    this.#placed[number] = false;
    if (number >= this.#knownCount) {
      this.#toggle(number);
      return;
    }
    this.#placedKnown -= 1;
    this.#firstOpenCall = Math.min(this.#firstOpenCall, number);
    const end = this.#returnOf(number);
    while (this.#firstOpenReturn > 0 && this.#returnOf(this.#byReturn[this.#firstOpenReturn - 1]!) >= end) {
      this.#firstOpenReturn -= 1;
    }
    while (this.#top >= 0 && this.#placed[this.#top] !== true) this.#top -= 1;
  }

  #toggle(number: number): void {
    this.#fingerprint = {
      low: this.#fingerprint.low ^ scrambled(number, 0x9e37_79b1),
      high: this.#fingerprint.high ^ scrambled(number, 0x85eb_ca77),
    };
  }

  /** Everything that what may follow depends on. */
  #key(state: State, without: Frame<State>["without"]): string {
    let holes = "";
    for (let number = this.#firstOpenCall; number <= this.#top; number += 1) {
      if (this.#placed[number] !== true) holes += `${number},`;
    }
    const { low, high } = this.#fingerprint;
    const shown = without === undefined ? "" : `|${this.#model.keyOf(without.state)}`;
    return `${this.#top}:${holes}${low}:${high}|${this.#model.keyOf(state)}${shown}`;
  }

  #returnOf(number: number): number {
    return this.#operations[number]?.result?.return ?? Number.POSITIVE_INFINITY;
  }
}

/** A number that looks random. */
function scrambled(number: number, factor: number): number {
  let value = Math.imul(number + 1, factor);
  value = Math.imul(value ^ (value >>> 15), 0x2c1b_3c6d);
  return Math.imul(value ^ (value >>> 12), 0x297a_2d39) ^ (value >>> 15);
}
