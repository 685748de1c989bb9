/**
 * The history of a store as a list of atomic steps, and the states it passed through.
 *
 * Because the log is one sequence and a sync makes a prefix of it durable, whatever a crash leaves must be exactly one of
 * these states: not older than the last acknowledged durable step, and with the commit metadata of that very step.
 */
export interface ModelState {
  readonly keys: ReadonlyMap<string, string>;
  readonly meta: string | undefined;
}

export interface ModelStep {
  readonly puts?: ReadonlyMap<string, string>;
  readonly dels?: readonly string[];
  readonly clear?: { readonly gte?: string; readonly lt?: string };
  readonly meta?: string;
}

export class ModelHistory {
  readonly #states: ModelState[] = [{ keys: new Map(), meta: undefined }];
  /** No recovered state may be older than this step. */
  #durable = 0;

  /** Number of the newest step. */
  get last(): number {
    return this.#states.length - 1;
  }

  get present(): ModelState {
    return this.#at(this.last);
  }

  get durable(): number {
    return this.#durable;
  }

  submit(step: ModelStep): number {
    const keys = new Map(this.present.keys);
    const { clear } = step;
    if (clear) {
      for (const key of keys.keys()) {
        if ((clear.gte === undefined || key >= clear.gte) && (clear.lt === undefined || key < clear.lt))
          keys.delete(key);
      }
    }
    for (const key of step.dels ?? []) keys.delete(key);
    for (const [key, value] of step.puts ?? []) keys.set(key, value);
    this.#states.push({ keys, meta: step.meta ?? this.present.meta });
    return this.last;
  }

  /** The step, and with it every earlier one, was acknowledged as durable. */
  acknowledge(step: number): void {
    this.#durable = Math.max(this.#durable, step);
  }

  /** The step that the found state is, or an explanation why it is none that may be found. */
  match(found: ModelState): number | string {
    for (let step = this.last; step >= this.#durable; step--) if (isSame(this.#at(step), found)) return step;
    for (let step = this.#durable - 1; step >= 0; step--) {
      if (isSame(this.#at(step), found))
        return `found step ${step}, but step ${this.#durable} had been acknowledged`;
    }
    const at = this.#at(this.#durable);
    return `found a state that never was; last acknowledged step ${this.#durable}: ${describe(at)}; newest ${this.last}: ${describe(this.present)}; found ${describe(found)}`;
  }

  #at(step: number): ModelState {
    const state = this.#states[step];
    if (!state) throw new RangeError(`there is no step ${step}`);
    return state;
  }

  /** After a recovery, history goes on from the state that was found. */
  continueFrom(step: number): void {
    this.#states.length = step + 1;
    this.#durable = step;
  }
}

function isSame(a: ModelState, b: ModelState): boolean {
  return (
    a.meta === b.meta &&
    a.keys.size === b.keys.size &&
    [...a.keys].every(([key, value]) => b.keys.get(key) === value)
  );
}

function describe(state: ModelState): string {
  const keys = [...state.keys]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${value.slice(0, 12)}`);
  return `{${keys.join(" ")}; meta ${state.meta ?? "none"}}`;
}
