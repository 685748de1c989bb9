/** A thread that feeds inputs to one target. Its parent sees where it stands, and can end it when it stands still. */
import { parentPort, workerData } from "node:worker_threads";
import { installAllocationMeter } from "./allocation-meter.ts";
import { fixEnvironment } from "./fixed-environment.ts";
import type { WorkerOrder, WorkerReport } from "./worker-protocol.ts";

fixEnvironment();
installAllocationMeter();
// Loaded afterwards, so that what they load uses the wrapped constructors.
const { inputAt, judge } = await import("./judge.ts");
const { findTarget } = await import("../targets/index.ts");

const { target: name, seed, from, to, progress } = workerData as WorkerOrder;
const at = new Int32Array(progress);
const target = findTarget(name);
const seeds = await target.seeds();
const counts = { accepted: 0, refused: 0, maxAllocatedBytes: 0 };

function report(message: WorkerReport): void {
  // oxlint-disable-next-line require-post-message-target-origin -- a thread has no origin
  parentPort?.postMessage(message);
}

for (let index = from; index < to; index += 1) {
  Atomics.store(at, 0, index);
  const { input, random } = inputAt(target, seeds, { seed, index });
  // oxlint-disable-next-line no-await-in-loop -- one after the other: what is allocated belongs to one input
  const verdict = await judge(target, input, random);
  if (verdict.type === "failed") report({ type: "failure", index, message: verdict.message });
  else {
    counts[verdict.type] += 1;
    counts.maxAllocatedBytes = Math.max(counts.maxAllocatedBytes, verdict.allocatedBytes);
  }
}
report({ type: "done", ...counts });
