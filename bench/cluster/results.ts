/** Everything that a run found, and what can be asked of it. */
import type { DriverName, SystemName } from "./contenders.ts";
import type { Machine } from "./machine.ts";
import type { Cell, Sample } from "./measurement.ts";
import { type Summary, summarize } from "./summary.ts";

/** One contender in one cell. */
export interface Row {
  readonly driver: DriverName;
  readonly cell: Cell;
  readonly summary: Summary;
  /** By round. */
  readonly samples: readonly Sample[];
}

/** A system that was left out, and why. */
export interface Skipped {
  readonly system: SystemName;
  readonly reason: string;
}

/** The document written as JSON. */
export interface Results {
  readonly measuredAt: string;
  readonly quick: boolean;
  readonly machine: Machine;
  readonly settings: {
    readonly rounds: number;
    readonly warmupMs: number;
    readonly measureMs: number;
    readonly keys: number;
    readonly keyBytes: number;
  };
  readonly skipped: readonly Skipped[];
  /** Systems. */
  readonly rows: readonly Row[];
  /** Clients against a server that does nothing but answer. */
  readonly clients: readonly Row[];
}

/** Whether two cells are the same combination. */
export function isSameCell(one: Cell, other: Cell): boolean {
  return (
    one.workload === other.workload && one.callers === other.callers && one.valueBytes === other.valueBytes
  );
}

/** Collects samples in the order in which they come, and makes rows of them. */
export class Collected {
  readonly #rows: { readonly driver: DriverName; readonly cell: Cell; readonly samples: Sample[] }[] = [];

  add(driver: DriverName, cell: Cell, sample: Sample): void {
    const row = this.#rows.find((each) => each.driver === driver && isSameCell(each.cell, cell));
    if (row === undefined) this.#rows.push({ driver, cell, samples: [sample] });
    else row.samples.push(sample);
  }

  rows(): Row[] {
    return this.#rows.map((row) => ({ ...row, summary: summarize(row.samples) }));
  }
}

/** The row of a contender in a cell. */
export function rowOf(rows: readonly Row[], driver: DriverName, cell: Cell): Row | undefined {
  return rows.find((row) => row.driver === driver && isSameCell(row.cell, cell));
}

/** How many times as many operations a second ours does; undefined when one of them was not measured. */
export function ratioTo(rows: readonly Row[], rivals: readonly DriverName[], cell: Cell): number | undefined {
  const own = rowOf(rows, "titan", cell)?.summary.opsPerSecond;
  // Of several ways to drive the same rival the fastest counts.
  const best = Math.max(
    ...rivals.map((rival) => rowOf(rows, rival, cell)?.summary.opsPerSecond ?? Number.NEGATIVE_INFINITY),
  );
  return own === undefined || best <= 0 ? undefined : own / best;
}
