/**
 * A closed loop: each caller waits for its answer before it asks again, so the number of operations under way is constant.
 *
 * Callers run without a pause from the warm-up to the end. What finishes inside the window counts, so neither the start nor
 * the last answers distort the rate; processor time and bytes are read at the two ends of the same window.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { diskBytesWritten } from "./disk-writes.ts";
import type { Driver } from "./drivers/driver.ts";
import { randomNumbers } from "./key-space.ts";
import { Latencies } from "./latencies.ts";
import type { Cell, Sample } from "./measurement.ts";
import { processorSeconds } from "./processor-time.ts";

/** Messages of errors that are kept. */
const maxErrorMessages = 3;
/** A caller whose operation failed waits this long, so that a system that is down is not asked in a tight loop. */
const pauseAfterErrorMs = 5;
/** How long operations of one measurement may still be under way after its window. */
const settleLimitMs = 30_000;

export interface LoadOptions {
  readonly driver: Driver;
  readonly cell: Cell;
  readonly keys: readonly string[];
  readonly value: Buffer;
  readonly seed: number;
  readonly warmupMs: number;
  readonly measureMs: number;
  readonly serverPids: readonly number[];
  /** On the disk whose writes count as the servers'. */
  readonly dataDirectory: string;
}

/** What callers report to while a measurement runs. */
class Window {
  readonly latencies = new Latencies();
  readonly errorMessages = new Set<string>();
  errors = 0;
  isOpen = false;
  isOver = false;

  finished(startedMs: number): void {
    if (this.isOpen) this.latencies.add(performance.now() - startedMs);
  }

  /** Errors count whenever they happen: a system that fails only while it warms up must not look well. */
  failed(error: unknown): void {
    this.errors += 1;
    const message = error instanceof Error ? error.message : String(error);
    if (this.errorMessages.size < maxErrorMessages) this.errorMessages.add(message);
  }
}

async function runCaller(options: LoadOptions, window: Window, caller: number): Promise<void> {
  const { driver, cell, keys, value } = options;
  const random = randomNumbers(options.seed * 4099 + caller * 65_537 + 1);
  const putChance = { put: 1, get: 0, mixed: 0.5 }[cell.workload] * 2 ** 32;
  while (!window.isOver) {
    const key = keys[random() % keys.length]!;
    const isPut = random() < putChance;
    const startedMs = performance.now();
    try {
      if (isPut) await driver.put(key, value);
      else {
        const found = await driver.get(key);
        if (found?.length !== value.length)
          throw new Error(`a get found ${found?.length ?? "nothing"} bytes instead of ${value.length}`);
      }
      window.finished(startedMs);
    } catch (error) {
      window.failed(error);
      await sleep(pauseAfterErrorMs);
    }
  }
}

/** Measures one cell. */
export async function measureLoad(options: LoadOptions): Promise<Sample> {
  const { cell, warmupMs, measureMs, serverPids, dataDirectory } = options;
  const window = new Window();
  const callers = Promise.all(
    Array.from({ length: cell.callers }, (_none, caller) => runCaller(options, window, caller)),
  );
  await sleep(warmupMs);
  const diskBefore = diskBytesWritten(dataDirectory);
  const serversBefore = processorSeconds(serverPids);
  const driverBefore = process.cpuUsage();
  const startMs = performance.now();
  window.isOpen = true;
  await sleep(measureMs);
  window.isOpen = false;
  const seconds = (performance.now() - startMs) / 1000;
  const { user, system } = process.cpuUsage(driverBefore);
  const serversAfter = processorSeconds(serverPids);
  const diskAfter = diskBytesWritten(dataDirectory);
  window.isOver = true;
  await within(settleLimitMs, callers);
  const [p50Ms = 0, p99Ms = 0, p999Ms = 0] = window.latencies.percentiles([0.5, 0.99, 0.999]);
  return {
    operations: window.latencies.count,
    seconds,
    p50Ms,
    p99Ms,
    p999Ms,
    driverCpuSeconds: (user + system) / 1e6,
    serverCpuSeconds: serversAfter - serversBefore,
    ...(diskBefore === undefined || diskAfter === undefined
      ? {}
      : { diskBytesWritten: diskAfter - diskBefore }),
    errors: window.errors,
    errorMessages: [...window.errorMessages],
  };
}

/** Callers that fill the key space. */
const fillCallers = 256;

/** Puts every key once. */
export async function fillKeys(driver: Driver, keys: readonly string[], value: Buffer): Promise<void> {
  let next = 0;
  await Promise.all(
    Array.from({ length: fillCallers }, async () => {
      while (next < keys.length) {
        const key = keys[next]!;
        next += 1;
        await driver.put(key, value);
      }
    }),
  );
}

async function within<T>(limitMs: number, work: Promise<T>): Promise<T> {
  const late = new AbortController();
  const tooLate = sleep(limitMs, undefined, { signal: late.signal }).then(() => {
    throw new Error(`operations were still under way ${limitMs} ms after the measurement`);
  });
  try {
    return await Promise.race([work, tooLate]);
  } finally {
    late.abort();
    tooLate.catch(() => undefined);
  }
}
