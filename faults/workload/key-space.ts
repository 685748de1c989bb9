/**
 * The keys that the clients fight over. Few at a time, so that operations meet; after a while others take their place, so
 * that the history of each stays short enough to be checked, and so that old values must last. Their names are chosen so
 * that every shard has its share: a shard that nobody asks cannot be told from one that does not answer.
 */
import type { CellName } from "../checks/object-model.ts";
import type { Random } from "../random.ts";
import type { ShardSlots } from "./shard-slots.ts";

/** Objects that are in use at the same time. */
const hotObjects = 6;
/** How long an object is in use, in milliseconds. */
const generationMs = 8000;

/** What a space of keys is made of. */
export interface KeySpaceFields {
  /** Sets the keys of one round apart from those of others. */
  readonly name: string;
  readonly slots: ShardSlots;
  /** A clock in milliseconds. Default: the process's monotonic one. */
  readonly now?: () => number;
}

export class KeySpace {
  readonly #name: string;
  readonly #slots: ShardSlots;
  readonly #now: () => number;
  readonly #beganMs: number;
  /** Names that were chosen, by generation and number. */
  readonly #objects = new Map<string, string>();

  constructor({ name, slots, now = () => performance.now() }: KeySpaceFields) {
    this.#name = name;
    this.#slots = slots;
    this.#now = now;
    this.#beganMs = now();
  }

  /** One of the objects that are in use now. */
  pick(random: Random): string {
    const generation = Math.floor((this.#now() - this.#beganMs) / generationMs);
    const number = random.between(1, hotObjects);
    const stem = `${this.#name}.${generation}.${number}`;
    const object = this.#objects.get(stem) ?? this.#named(stem, number);
    this.#objects.set(stem, object);
    return object;
  }

  /** The first name with this stem that belongs to the shard whose turn it is. */
  #named(stem: string, number: number): string {
    const { shards } = this.#slots;
    const shard = shards[number % shards.length];
    for (let attempt = 0; ; attempt += 1) {
      const object = `${stem}.${attempt}`;
      if (this.#slots.shardOf(keyOf(object, "a")) === shard) return object;
    }
  }
}

/** The key of one register of an object. What is in braces decides the slot, so both are in one shard. */
export function keyOf(object: string, cell: CellName): string {
  return `{${object}}${cell}`;
}
