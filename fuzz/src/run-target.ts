import { Worker } from "node:worker_threads";
import type { WorkerOrder, WorkerReport } from "./worker-protocol.ts";

/** An input under which a decoder failed. */
export interface Failure {
  readonly index: number;
  readonly message: string;
}

/** What came of a run. */
export interface TargetResult {
  readonly target: string;
  readonly inputs: number;
  readonly accepted: number;
  readonly refused: number;
  /** The most that one input made the decoder ask for. */
  readonly maxAllocatedBytes: number;
  readonly failures: readonly Failure[];
  readonly elapsedMs: number;
}

/** What a run needs to know. */
export interface RunOptions {
  readonly target: string;
  readonly seed: number;
  readonly inputs: number;
  /** An input that takes longer than this hangs. Generous: a busy machine is no fault of the decoder. Default 60,000. */
  readonly hangMs?: number;
  /** The run ends after so many failures: more say nothing new. Default 5. */
  readonly maxFailures?: number;
}

const defaultMaxFailures = 5;
const defaultHangMs = 60_000;
const watchIntervalMs = 500;
/** Memory for objects of a thread: a decoder that needs more is at fault. */
const maxHeapMegabytes = 1024;

type Ending =
  | { readonly type: "done"; readonly report: Extract<WorkerReport, { type: "done" }> }
  | { readonly type: "enough" }
  /** The thread ended, or had to be ended, while it was at this input. */
  | { readonly type: "stopped"; readonly failure: Failure };

function runThread(
  order: WorkerOrder,
  hangMs: number,
  onFailure: (failure: Failure) => boolean,
): Promise<Ending> {
  const worker = new Worker(new URL("./worker.ts", import.meta.url), {
    workerData: order,
    execArgv: ["--conditions=@titan-kv/source", "--disable-warning=ExperimentalWarning"],
    resourceLimits: { maxOldGenerationSizeMb: maxHeapMegabytes },
  });
  const at = new Int32Array(order.progress);
  return new Promise((resolve) => {
    let last = { index: -1, sinceMs: performance.now() };
    const end = (ending: Ending): void => {
      clearInterval(watch);
      resolve(ending);
      void worker.terminate();
    };
    const stopped = (message: string): void => {
      end({ type: "stopped", failure: { index: Atomics.load(at, 0), message } });
    };
    const watch = setInterval(() => {
      const index = Atomics.load(at, 0);
      const nowMs = performance.now();
      if (index !== last.index) last = { index, sinceMs: nowMs };
      else if (nowMs - last.sinceMs > hangMs) stopped(`the decoder hangs: no end after ${hangMs} ms`);
    }, watchIntervalMs);
    worker.on("message", (report: WorkerReport) => {
      if (report.type === "done") end({ type: "done", report });
      else if (!onFailure({ index: report.index, message: report.message })) end({ type: "enough" });
    });
    worker.once("error", (error) =>
      stopped(`the thread died: ${error instanceof Error ? error.stack : String(error)}`),
    );
    worker.once("exit", (code) => stopped(`the thread ended with ${code}`));
  });
}

/** Feeds inputs to a target, in a thread of its own. */
export async function runTarget(options: RunOptions): Promise<TargetResult> {
  const { target, seed, inputs, hangMs = defaultHangMs, maxFailures = defaultMaxFailures } = options;
  const beganMs = performance.now();
  const failures: Failure[] = [];
  const totals = { accepted: 0, refused: 0, maxAllocatedBytes: 0 };
  for (let from = 0; from < inputs && failures.length < maxFailures;) {
    const progress = new SharedArrayBuffer(4);
    new Int32Array(progress)[0] = from;
    // oxlint-disable-next-line no-await-in-loop -- a thread is started anew only where the one before had to be ended
    const ending = await runThread({ target, seed, from, to: inputs, progress }, hangMs, (failure) => {
      failures.push(failure);
      return failures.length < maxFailures;
    });
    if (ending.type === "enough") break;
    if (ending.type === "done") {
      totals.accepted += ending.report.accepted;
      totals.refused += ending.report.refused;
      totals.maxAllocatedBytes = Math.max(totals.maxAllocatedBytes, ending.report.maxAllocatedBytes);
      break;
    }
    failures.push(ending.failure);
    from = ending.failure.index + 1;
  }
  return { target, inputs, ...totals, failures, elapsedMs: performance.now() - beganMs };
}
