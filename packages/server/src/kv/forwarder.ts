/**
 * Passes operations on to the node that leads their shard, and their answers back.
 *
 * The messages are those of a pipeline. An operation keeps its bytes: its new id and what is left of its time are
 * appended, and in Protocol Buffers the last value of a field is the one that counts.
 */
import {
  type OperationView,
  ResultKind,
  type ResultView,
  type StreamIdentity,
  visitResponse,
  WireWriter,
  writeIdentity,
} from "@titan-kv/proto/pipeline";
import { fromBinary } from "@bufbuild/protobuf";
import { OperationErrorSchema } from "@titan-kv/proto";
import { ApiError } from "../http/api-error.ts";
import { fromOperationError } from "../http/error-mapping.ts";
import type { PendingOperation } from "./pending-operation.ts";

/** Operations passed on to one node and not answered yet. */
export const maxForwardedOperations = 32_768;

/** Bytes that the appended id and time take at most. */
const appendedBytes = 2 * 10;

/** Carries messages to other nodes; returns false when there is no way to a node now. */
export type SendForward = (node: number, message: Uint8Array) => boolean;

/** What goes to one node at the end of the turn: one message for each session, since a message names one. */
interface Outgoing {
  readonly identity: StreamIdentity | undefined;
  readonly writer: WireWriter;
  readonly ids: number[];
}

export class Forwarder {
  readonly #send: SendForward;
  readonly #now: () => number;
  #nextId = 1;
  readonly #pending = new Map<number, Map<number, PendingOperation>>();
  readonly #outgoing = new Map<number, Outgoing[]>();

  /** `now` is a monotonic clock in milliseconds. */
  constructor(fields: { send: SendForward; now: () => number }) {
    this.#send = fields.send;
    this.#now = fields.now;
  }

  forward(
    node: number,
    view: OperationView,
    identity: StreamIdentity | undefined,
    operation: PendingOperation,
  ): void {
    const pending = this.#pendingOf(node);
    if (pending.size >= maxForwardedOperations) {
      operation.error(tooMany);
      return;
    }
    const id = this.#nextId;
    this.#nextId += 1;
    pending.set(id, operation);
    const outgoing = this.#outgoingOf(node, identity);
    outgoing.ids.push(id);
    const timeoutMs = Math.max(1, Math.ceil(operation.deadlineMs - this.#now()));
    append(outgoing.writer, view, { id, timeoutMs });
  }

  /** The answer of another node to what was passed on to it. @throws WireError when it is none. */
  receive(node: number, message: Uint8Array): void {
    const pending = this.#pendingOf(node);
    visitResponse(message, 0, message.length, (result) => {
      const operation = pending.get(result.id);
      if (operation === undefined) return;
      pending.delete(result.id);
      answer(operation, result);
    });
  }

  /** The way to a node is broken: nobody knows what became of what was passed on to it. */
  disconnected(node: number): void {
    const pending = this.#pending.get(node);
    if (pending === undefined) return;
    this.#pending.delete(node);
    for (const operation of pending.values()) operation.error(operation.isWrite ? lostWrite : lostRead);
  }

  #pendingOf(node: number): Map<number, PendingOperation> {
    let pending = this.#pending.get(node);
    if (pending === undefined) {
      pending = new Map();
      this.#pending.set(node, pending);
    }
    return pending;
  }

  #outgoingOf(node: number, identity: StreamIdentity | undefined): Outgoing {
    let all = this.#outgoing.get(node);
    if (all === undefined) {
      all = [];
      this.#outgoing.set(node, all);
      setImmediate(() => this.#flush(node));
    }
    let outgoing = all.find((each) => each.identity === identity);
    if (outgoing === undefined) {
      outgoing = { identity, writer: new WireWriter(), ids: [] };
      if (identity !== undefined) writeIdentity(outgoing.writer, identity);
      all.push(outgoing);
    }
    return outgoing;
  }

  #flush(node: number): void {
    const all = this.#outgoing.get(node) ?? [];
    this.#outgoing.delete(node);
    for (const { writer, ids } of all) {
      if (this.#send(node, writer.take())) continue;
      // It has not left this node, so it has not been applied.
      const pending = this.#pendingOf(node);
      for (const id of ids) {
        pending.get(id)?.error(unreachable);
        pending.delete(id);
      }
    }
  }
}

function append(writer: WireWriter, view: OperationView, fields: { id: number; timeoutMs: number }): void {
  const tail = new WireWriter();
  tail.varintField(0x08, fields.id);
  tail.varintField(0x38, fields.timeoutMs);
  const length = view.end - view.start;
  writer.reserve(length + tail.position + appendedBytes);
  writer.byte(0x0a);
  writer.varint(length + tail.position);
  writer.bytes(view.buffer.subarray(view.start, view.end));
  writer.bytes(tail.buffer.subarray(0, tail.position));
}

function answer(operation: PendingOperation, result: ResultView): void {
  const { shard, epoch, term, revision, node } = result;
  const origin = { shard, epoch, term, revision, node };
  const { positive, keyRevision, existed, expiresAtMs } = result;
  const bytes = result.bytes();
  switch (result.kind) {
    case ResultKind.Write:
      operation.write({ applied: positive, keyRevision, existed, previous: bytes }, origin);
      return;
    case ResultKind.Get:
      operation.get({ found: positive, value: bytes, keyRevision, expiresAtMs }, origin);
      return;
    case ResultKind.Txn:
      operation.txn(bytes ?? new Uint8Array(0), origin);
      return;
    case ResultKind.Error:
      operation.error(fromOperationError(fromBinary(OperationErrorSchema, bytes ?? new Uint8Array(0))));
      return;
  }
}

const tooMany = new ApiError({
  reason: "OVERLOADED",
  outcome: "NOT_APPLIED",
  message: `${maxForwardedOperations} operations wait for the leader's node already`,
  retryAfterMs: 20,
});

const unreachable = new ApiError({
  reason: "UNAVAILABLE",
  outcome: "NOT_APPLIED",
  message: "the leader's node cannot be reached from this node",
  retryAfterMs: 50,
});

const lostWrite = new ApiError({
  reason: "UNAVAILABLE",
  outcome: "UNKNOWN",
  message: "the connection to the leader's node broke while the write was under way",
});

const lostRead = new ApiError({
  reason: "UNAVAILABLE",
  outcome: "NOT_APPLIED",
  message: "the connection to the leader's node broke while the read was under way",
});
