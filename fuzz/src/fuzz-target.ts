import type { Random } from "./random.ts";

/** A file of an input; an input of one piece has one, with any name. */
export interface InputPart {
  readonly name: string;
  readonly bytes: Buffer;
}

/** What a decoder is fed. */
export type FuzzInput = readonly InputPart[];

/** Something that reads bytes which it cannot trust. */
export interface FuzzTarget {
  /** Unique; the name of the command line. */
  readonly name: string;
  /** Valid inputs, the beginnings of all others. Made once; the same for every run. */
  seeds(): readonly FuzzInput[] | Promise<readonly FuzzInput[]>;
  /**
   * Fills in what a reader checks first, such as checksums, so that a change gets further than the check. Absent where
   * there is nothing of the kind.
   */
  reseal?(input: FuzzInput): FuzzInput;
  /** An input like a seed, changed by the rules of its format instead of byte by byte: half of all inputs, where there is one. */
  vary?(seed: FuzzInput, random: Random): FuzzInput;
  /**
   * Decodes, and looks at everything that was decoded. Throws what the decoder throws, or a `Finding` when it gave back what
   * it must not. `random` makes the choices that are not in the input, such as how a stream is cut.
   */
  run(input: FuzzInput, random: Random): void | Promise<void>;
  /** Whether a decoder may throw this: its documented errors and no others. */
  isRefusal(error: unknown): boolean;
  /** Bytes that an input of this size may make the decoder allocate, all in all. Default: 1 MiB and 64 times the input. */
  maxAllocatedBytes?(inputBytes: number): number;
}

/** A decoder did not throw, and did what it must not. */
export class Finding extends Error {
  override readonly name = "Finding";
}

/** An input of one piece. */
export function single(bytes: Uint8Array): FuzzInput {
  return [{ name: "input", bytes: Buffer.from(bytes) }];
}

/** The bytes of an input of one piece. */
export function bytesOf(input: FuzzInput): Buffer {
  return input[0]?.bytes ?? Buffer.alloc(0);
}
