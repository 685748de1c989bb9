/**
 * What each client costs by itself: the same driver against a server that does nothing but answer.
 *
 * Without it nobody could tell a slow store from a slow client. The stub is a process of its own, so processor time is the
 * client's alone; the rate may be bounded by the stub, the processor time is not.
 */
import type { ChildProcesses } from "./child-processes.ts";
import { DriverHost } from "./driver-host.ts";
import { type Progress, sampleLine, settle } from "./measure-systems.ts";
import type { Cell } from "./measurement.ts";
import type { RunOptions } from "./options.ts";
import type { Collected } from "./results.ts";
import { startStub } from "./stubs/start-stub.ts";

const valueBytes = 256;
/** More would only repeat what these two tell. */
const workloads = ["put", "get"] as const;

/** The cells in which clients are measured. */
export function clientCells(options: RunOptions): Cell[] {
  const callerCounts = options.quick ? [64] : [...new Set(options.cells.map(({ callers }) => callers))];
  return workloads.flatMap((workload) => callerCounts.map((callers) => ({ workload, callers, valueBytes })));
}

export async function measureClients(
  processes: ChildProcesses,
  options: RunOptions,
  collected: Collected,
  progress: Progress,
): Promise<void> {
  progress("clients against a server that does nothing");
  const cells = clientCells(options);
  for (const { driver, system, label } of options.contenders) {
    const stub = await startStub(processes, system, valueBytes);
    const host = await DriverHost.start(processes, {
      driver,
      endpoints: stub.endpoints,
      serverPids: stub.pids,
      dataDirectory: processes.directory,
      keys: options.keys,
      seed: 1,
    });
    await settle(host, options, valueBytes);
    for (const cell of cells) {
      const sample = await host.measure(cell, options);
      collected.add(driver, cell, sample);
      progress(`  ${label}: ${sampleLine(cell, sample)}`);
    }
    await host.end();
    await stub.stop();
  }
}
