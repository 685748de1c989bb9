/** The words in which one measurement is ordered and reported. */
import type { DriverName } from "./contenders.ts";

/** What callers do: only puts, only linearizable gets, or either with even chances. */
export type Workload = "put" | "get" | "mixed";

/** One combination that is measured. */
export interface Cell {
  readonly workload: Workload;
  /** How many operations are under way at any time: each caller waits for its answer before it goes on. */
  readonly callers: number;
  readonly valueBytes: number;
}

/** What a driver process needs to know once. */
export interface DriverSetup {
  readonly driver: DriverName;
  /** `host:port` of every server. */
  readonly endpoints: readonly string[];
  /** Processes whose processor time counts as the system's. */
  readonly serverPids: readonly number[];
  /** On the disk whose writes count as the system's. */
  readonly dataDirectory: string;
  /** Size of the key space. */
  readonly keys: number;
  /** Start of the random choice of keys. */
  readonly seed: number;
}

/** What a driver process is told to do. */
export type DriverOrder =
  | { readonly type: "fill"; readonly valueBytes: number }
  | { readonly type: "measure"; readonly cell: Cell; readonly warmupMs: number; readonly measureMs: number }
  | { readonly type: "end" };

/** What one measurement of one cell found. */
export interface Sample {
  readonly operations: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly driverCpuSeconds: number;
  readonly serverCpuSeconds: number;
  /** What reached the disk, all servers together; absent where the machine does not tell. */
  readonly diskBytesWritten?: number;
  readonly errors: number;
  /** Different messages of errors, only the first few. */
  readonly errorMessages: readonly string[];
}

/** What a driver process answers. */
export type DriverAnswer =
  | { readonly type: "ready" }
  | { readonly type: "done"; readonly sample?: Sample }
  | { readonly type: "failed"; readonly message: string };
