/**
 * One client's pipeline: messages of operations in, messages of results out. The same code serves the operations that
 * another node passes on.
 */
import {
  OperationKind,
  OperationView,
  type GetResultFields,
  type OriginFields,
  type StreamIdentity,
  visitRequest,
  WireWriter,
  writeErrorResult,
  writeGetResult,
  writeResponseEpoch,
  type WriteResultFields,
  writeTxnResult,
  writeWriteResult,
} from "@titan-kv/proto/pipeline";
import { ApiError } from "../http/api-error.ts";
import { encodeOperationError } from "../http/error-mapping.ts";
import type { Deadlines } from "./deadlines.ts";
import type { OperationSink } from "./operation-sink.ts";
import { type OperationMeter, PendingOperation } from "./pending-operation.ts";
import type { Router } from "./router.ts";

/** What all streams of a node share. */
export interface PipelineContext {
  readonly router: Router;
  readonly deadlines: Deadlines;
  /** A monotonic clock in milliseconds. */
  readonly now: () => number;
  /** For operations that do not say how long they may take. */
  readonly defaultTimeoutMs: number;
  /** What an operation may ask for at most. */
  readonly maxTimeoutMs: number;
  /** Operations of one stream that may be under way. */
  readonly maxStreamOperations: number;
  /** Operations in one message. */
  readonly maxBatchOperations: number;
  /** What measures operations of a kind, at a read level. */
  readonly meterOf: (kind: OperationKind, level: number) => OperationMeter;
}

export class PipelineStream implements OperationSink {
  readonly #context: PipelineContext;
  readonly #send: (message: Uint8Array) => void;
  readonly #wasForwarded: boolean;
  readonly #view = new OperationView();
  readonly #writer = new WireWriter();
  #identity: StreamIdentity | undefined;
  #underWay = 0;
  #flushScheduled = false;
  #closed = false;
  #onIdle: (() => void) | undefined;

  /** `send` takes an encoded `PipelineResponse`. */
  constructor(fields: {
    context: PipelineContext;
    send: (message: Uint8Array) => void;
    wasForwarded: boolean;
  }) {
    this.#context = fields.context;
    this.#send = fields.send;
    this.#wasForwarded = fields.wasForwarded;
  }

  /** Operations that have been taken and not answered. */
  get underWay(): number {
    return this.#underWay;
  }

  /**
   * Takes an encoded `PipelineRequest`. The bytes may be reused after the call.
   * @throws WireError when it is none: the stream cannot go on. ApiError when it has too many operations.
   */
  receive(buffer: Uint8Array, start: number, end: number): void {
    let operations = 0;
    visitRequest(buffer, start, end, {
      operation: (bytes, from, to) => {
        operations += 1;
        if (operations > this.#context.maxBatchOperations) throw tooManyInMessage;
        this.#view.read(bytes, from, to);
        this.#start();
      },
      identity: (identity) => {
        // Kept for the messages that follow, so it must not point into this one.
        this.#identity = { ...identity, session: Uint8Array.from(identity.session) };
      },
      epoch: () => undefined,
    });
  }

  /** Calls once when every operation taken so far has been answered and the answers have been sent. */
  whenIdle(callback: () => void): void {
    if (this.#underWay === 0 && !this.#flushScheduled) callback();
    else this.#onIdle = callback;
  }

  /** Nobody reads the answers any more. Writes under way go on; nobody can take them back. */
  close(): void {
    this.#closed = true;
  }

  write(id: number, result: WriteResultFields, origin: OriginFields): void {
    writeWriteResult(this.#writer, id, result, origin);
    this.#answered();
  }

  get(id: number, result: GetResultFields, origin: OriginFields): void {
    writeGetResult(this.#writer, id, result, origin);
    this.#answered();
  }

  txn(id: number, txn: Uint8Array, origin: OriginFields): void {
    writeTxnResult(this.#writer, id, txn, origin);
    this.#answered();
  }

  error(id: number, error: ApiError): void {
    writeErrorResult(this.#writer, id, encodeOperationError(error));
    this.#answered();
  }

  #start(): void {
    const view = this.#view;
    const { router, deadlines, now, defaultTimeoutMs, maxTimeoutMs, maxStreamOperations, meterOf } =
      this.#context;
    const beganMs = now();
    const timeoutMs = view.timeoutMs === 0 ? defaultTimeoutMs : Math.min(view.timeoutMs, maxTimeoutMs);
    const operation = new PendingOperation({
      id: view.id,
      deadlineMs: beganMs + timeoutMs,
      isWrite: view.kind !== OperationKind.Get,
      sink: this,
      beganMs,
      // What another node has passed on is measured there, with the way here and back.
      meter: this.#wasForwarded ? undefined : meterOf(view.kind, view.readLevel),
    });
    this.#underWay += 1;
    if (this.#underWay > maxStreamOperations) {
      operation.error(tooManyUnderWay);
      return;
    }
    router.submit(view, view.seq === 0 ? undefined : this.#identity, operation, this.#wasForwarded);
    if (!operation.isSettled) deadlines.add(operation);
  }

  #answered(): void {
    this.#underWay -= 1;
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    // Answers come in runs, from one applied entry; the run is over when the present task is.
    queueMicrotask(() => {
      this.#flushScheduled = false;
      writeResponseEpoch(this.#writer, this.#context.router.table.epoch);
      const message = this.#writer.take();
      if (!this.#closed) this.#send(message);
      if (this.#underWay === 0) this.#onIdle?.();
    });
  }
}

const tooManyInMessage = new ApiError({
  reason: "INVALID_ARGUMENT",
  outcome: "UNKNOWN",
  message: "operations: the message has more than the limit allows",
  subject: "operations",
});

const tooManyUnderWay = new ApiError({
  reason: "OVERLOADED",
  outcome: "NOT_APPLIED",
  message: "the stream has too many operations under way",
  retryAfterMs: 20,
});
