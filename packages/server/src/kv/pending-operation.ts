import type { GetResultFields, OriginFields, WriteResultFields } from "@titan-kv/proto/pipeline";
import type { ApiError } from "../http/api-error.ts";
import type { OperationSink } from "./operation-sink.ts";

/** Measures operations of one kind. */
export interface OperationMeter {
  /** An operation that began at `beganMs`, by the node's monotonic clock, was answered, or failed with `error`. */
  settled(beganMs: number, error: ApiError | undefined): void;
}

/** An operation under way. It is answered once; what comes later is dropped, as after a deadline. */
export class PendingOperation {
  readonly id: number;
  /** When the caller stops waiting, in milliseconds of the node's monotonic clock. */
  readonly deadlineMs: number;
  /** Whether it may have an effect: decides what an early end says about the outcome. */
  readonly isWrite: boolean;
  readonly #sink: OperationSink;
  readonly #beganMs: number;
  /** Absent for an operation that is measured elsewhere: as a call, or by the node that passed it on. */
  readonly #meter: OperationMeter | undefined;
  #settled = false;
  /** Where its deadline waits; left when the answer comes first, so that nothing answered is kept. */
  #waiting: Set<PendingOperation> | undefined;

  constructor(fields: {
    id: number;
    deadlineMs: number;
    isWrite: boolean;
    sink: OperationSink;
    beganMs?: number;
    meter?: OperationMeter | undefined;
  }) {
    this.id = fields.id;
    this.deadlineMs = fields.deadlineMs;
    this.isWrite = fields.isWrite;
    this.#sink = fields.sink;
    this.#beganMs = fields.beganMs ?? 0;
    this.#meter = fields.meter;
  }

  get isSettled(): boolean {
    return this.#settled;
  }

  /** Its deadline waits here from now on. */
  waitIn(bucket: Set<PendingOperation>): void {
    this.#waiting = bucket;
    bucket.add(this);
  }

  write(result: WriteResultFields, origin: OriginFields): void {
    if (this.#settle()) this.#sink.write(this.id, result, origin);
  }

  get(result: GetResultFields, origin: OriginFields): void {
    if (this.#settle()) this.#sink.get(this.id, result, origin);
  }

  txn(txn: Uint8Array, origin: OriginFields): void {
    if (this.#settle()) this.#sink.txn(this.id, txn, origin);
  }

  error(error: ApiError): void {
    if (this.#settle(error)) this.#sink.error(this.id, error);
  }

  #settle(error?: ApiError): boolean {
    if (this.#settled) return false;
    this.#settled = true;
    this.#waiting?.delete(this);
    this.#meter?.settled(this.#beganMs, error);
    return true;
  }
}
