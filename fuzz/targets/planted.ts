/** Decoders with the faults that the runs are for, each in a place that a valid input does not reach. */
import { bytesOf, Finding, type FuzzTarget, single } from "../src/fuzz-target.ts";

class PlantedRefusal extends Error {}

function planted(name: string, decode: (bytes: Buffer) => void): FuzzTarget {
  return {
    name,
    seeds: () => [single(Buffer.from([4, 0, 0, 0, 1, 2, 3, 4]))],
    run: (input) => decode(bytesOf(input)),
    isRefusal: (error) => error instanceof PlantedRefusal,
  };
}

function lengthIn(bytes: Buffer): number {
  if (bytes.length < 4) throw new PlantedRefusal("too short");
  return bytes.readUInt32LE(0);
}

export const plantedFaults: readonly FuzzTarget[] = [
  planted("planted-untyped-error", (bytes) => {
    lengthIn(bytes);
    bytes.readUInt32LE(4);
  }),
  planted("planted-allocation", (bytes) => {
    const length = lengthIn(bytes);
    // Never touched, so that the test does not need the memory either.
    if (length > 2 ** 20) Buffer.allocUnsafeSlow(Math.min(length, 2 ** 24));
  }),
  planted("planted-hang", (bytes) => {
    const length = lengthIn(bytes);
    let at = 0;
    // oxlint-disable-next-line no-unmodified-loop-condition -- that is the fault
    while (length === 0) at = (at + 1) | 0;
    if (at < 0) throw new PlantedRefusal("too far");
  }),
  planted("planted-wrong-value", (bytes) => {
    if (lengthIn(bytes) === bytes.length) throw new Finding("a length that counts itself was taken");
  }),
];
