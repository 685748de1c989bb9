/** A thread that makes or feeds a single input, in the same surroundings as a run. */
import { parentPort, workerData } from "node:worker_threads";
import { installAllocationMeter } from "./allocation-meter.ts";
import { fixEnvironment } from "./fixed-environment.ts";
import type { FuzzInput } from "./fuzz-target.ts";
import type { ReplayOrder, ReplayReport } from "./replay.ts";

fixEnvironment();
installAllocationMeter();
const { inputAt, judge } = await import("./judge.ts");
const { findTarget } = await import("../targets/index.ts");
const { randomFor } = await import("./random.ts");

const { target: name, seed, index, input: given, run } = workerData as ReplayOrder;
const target = findTarget(name);
const made = inputAt(target, await target.seeds(), { seed, index });
const input: FuzzInput =
  given?.map((part) => ({ name: part.name, bytes: Buffer.from(part.bytes) })) ?? made.input;
const random = given === undefined ? made.random : randomFor(name, seed, index);
const verdict = run ? await judge(target, input, random) : undefined;
// oxlint-disable-next-line require-post-message-target-origin -- a thread has no origin
parentPort?.postMessage({ input, verdict } satisfies ReplayReport);
