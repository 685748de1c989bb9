import { takeAllocatedBytes } from "./allocation-meter.ts";
import { type FuzzInput, type FuzzTarget } from "./fuzz-target.ts";
import { mutate } from "./mutation.ts";
import { pick, type Random, randomFor } from "./random.ts";

/** How an input went. */
export type Verdict =
  | { readonly type: "accepted" | "refused"; readonly allocatedBytes: number }
  | { readonly type: "failed"; readonly message: string };

const defaultAllowanceBytes = 1024 * 1024;
const defaultAllowanceFactor = 64;

/** Share of inputs that are changed by the rules of their format, where a target has some. */
const varyShare = 0.5;
/** Share of inputs whose checksums are put right again, where a target can. */
const resealShare = 0.6;

/** The input of a number, and the random numbers that go with it. */
export function inputAt(
  target: FuzzTarget,
  seeds: readonly FuzzInput[],
  place: { readonly seed: number; readonly index: number },
): { readonly input: FuzzInput; readonly random: Random } {
  const random = randomFor(target.name, place.seed, place.index);
  if (target.vary !== undefined && random() < varyShare) {
    return { input: target.vary(pick(random, seeds), random), random };
  }
  const mutated = mutate(seeds, random);
  const input = random() < resealShare ? (target.reseal?.(mutated) ?? mutated) : mutated;
  return { input, random };
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : `thrown: ${String(error)}`;
}

/** Feeds one input. */
export async function judge(target: FuzzTarget, input: FuzzInput, random: Random): Promise<Verdict> {
  const inputBytes = input.reduce((total, { bytes }) => total + bytes.length, 0);
  let type: "accepted" | "refused" = "accepted";
  takeAllocatedBytes();
  try {
    const done = target.run(input, random);
    if (done !== undefined) await done;
  } catch (error) {
    if (!target.isRefusal(error)) return { type: "failed", message: describe(error) };
    type = "refused";
  }
  const allocatedBytes = takeAllocatedBytes();
  const allowance =
    target.maxAllocatedBytes?.(inputBytes) ?? defaultAllowanceBytes + defaultAllowanceFactor * inputBytes;
  if (allocatedBytes > allowance) {
    const message = `${allocatedBytes} bytes were asked for to read ${inputBytes}; ${allowance} are allowed`;
    return { type: "failed", message };
  }
  return { type, allocatedBytes };
}
