/**
 * Takes chance out of a thread: the same seed must make the same inputs, and the packages put random ids and the time of
 * day into the files that the inputs are made from.
 */
import crypto from "node:crypto";
import { syncBuiltinESMExports } from "node:module";
import { below, randomFor } from "./random.ts";

const fixedTimeMs = 1_700_000_000_000;

/** For the life of this thread. Before the code that uses chance is loaded. */
export function fixEnvironment(): void {
  const random = randomFor("environment", 0, 0);
  const fixedBytes = (count: number): Buffer => {
    const bytes = Buffer.alloc(count);
    for (let at = 0; at < count; at += 1) bytes[at] = below(random, 256);
    return bytes;
  };
  crypto.randomBytes = fixedBytes as typeof crypto.randomBytes;
  syncBuiltinESMExports();
  Date.now = () => fixedTimeMs;
}
