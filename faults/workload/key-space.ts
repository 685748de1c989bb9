/**
 * The keys that the clients fight over. Few at a time, so that operations meet; after a while others take their place, so
 * that the history of each stays short enough to be checked, and so that old values must last.
 */
import type { CellName } from "../checks/object-model.ts";
import type { Random } from "../random.ts";

/** Objects that are in use at the same time. */
const hotObjects = 6;
/** How long an object is in use, in milliseconds. */
const generationMs = 8000;

export class KeySpace {
  readonly #name: string;
  readonly #beganMs: number = performance.now();

  /** `name` sets the keys of one round apart from those of others. */
  constructor(name: string) {
    this.#name = name;
  }

  /** One of the objects that are in use now. */
  pick(random: Random): string {
    const generation = Math.floor((performance.now() - this.#beganMs) / generationMs);
    return `${this.#name}.${generation}.${random.between(1, hotObjects)}`;
  }
}

/** The key of one register of an object. What is in braces decides the slot, so both are in one shard. */
export function keyOf(object: string, cell: CellName): string {
  return `{${object}}${cell}`;
}
