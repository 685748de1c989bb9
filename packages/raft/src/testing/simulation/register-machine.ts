import type { Configuration, Entry } from "../../index.ts";

/** A command to the simulated application: registers that are written, or compared and then written. */
export interface RegisterCommand {
  readonly key: string;
  readonly value: string;
  /** Absent: write in any case. Present: only if the register holds this (the empty text: if it was never written). */
  readonly expected?: string;
}

/** What a command answers: whether it wrote. */
export type RegisterAnswer = boolean;

/** The application at one index. Never changed once taken. */
export interface SnapshotImage {
  readonly index: number;
  readonly term: number;
  readonly digest: number;
  readonly configuration: Configuration;
  readonly registers: ReadonlyMap<string, string>;
}

/** The application of the simulation: registers, and a digest over everything that was ever applied. */
export class RegisterMachine {
  #registers = new Map<string, string>();
  #index = 0;
  #term = 0;
  #digest = 0;
  configuration: Configuration;

  constructor(image: SnapshotImage) {
    this.configuration = image.configuration;
    this.restore(image);
  }

  get index(): number {
    return this.#index;
  }

  get digest(): number {
    return this.#digest;
  }

  read(key: string): string {
    return this.#registers.get(key) ?? "";
  }

  /** Applies the next entry; undefined for entries without a command. */
  apply(entry: Entry): RegisterAnswer | undefined {
    this.#index = entry.index;
    this.#term = entry.term;
    let digest = Math.imul(this.#digest ^ entry.index, 0x0100_0193) ^ entry.term;
    for (const byte of entry.data) digest = Math.imul(digest ^ byte, 0x0100_0193);
    this.#digest = digest >>> 0;
    if (entry.type !== 0 || entry.data.length === 0) return undefined;
    const command = decodeCommand(entry.data);
    if (command.expected !== undefined && command.expected !== this.read(command.key)) return false;
    this.#registers.set(command.key, command.value);
    return true;
  }

  snapshot(): SnapshotImage {
    return {
      index: this.#index,
      term: this.#term,
      digest: this.#digest,
      configuration: this.configuration,
      registers: new Map(this.#registers),
    };
  }

  restore(image: SnapshotImage): void {
    this.#registers = new Map(image.registers);
    this.#index = image.index;
    this.#term = image.term;
    this.#digest = image.digest;
    this.configuration = image.configuration;
  }
}

export function encodeCommand({ key, value, expected }: RegisterCommand): Uint8Array {
  return new TextEncoder().encode([key, value, ...(expected === undefined ? [] : [expected])].join(","));
}

function decodeCommand(data: Uint8Array): RegisterCommand {
  const [key = "", value = "", expected] = new TextDecoder().decode(data).split(",");
  return { key, value, ...(expected === undefined ? {} : { expected }) };
}
