import { WireError } from "./wire-error.ts";
import { WireReader } from "./wire-reader.ts";
import { delimitedSize, varintSize, type WireWriter } from "./wire-writer.ts";

/** The identity that the writes of a stream share. */
export interface StreamIdentity {
  /** 16 bytes. */
  readonly session: Uint8Array;
  readonly openedMs: number;
  readonly acknowledgedBelow: number;
}

/** Bytes of a session's id. */
export const sessionBytes = 16;

/** Receives the parts of a `PipelineRequest` in order. */
export interface RequestVisitor {
  /** An operation lies in `[start, end)` of the buffer. */
  operation(buffer: Uint8Array, start: number, end: number): void;
  /** The writes that follow, in this message and later ones, belong to this session. */
  identity(identity: StreamIdentity): void;
  /** The sender's version of the slot table. */
  epoch(epoch: number): void;
}

/**
 * Walks over an encoded `PipelineRequest`.
 * @throws WireError when it is none.
 */
export function visitRequest(buffer: Uint8Array, start: number, end: number, visitor: RequestVisitor): void {
  const reader = new WireReader(buffer);
  reader.reset(buffer, start, end);
  while (reader.position < end) {
    const tag = reader.varint();
    if (tag === 0x0a) {
      const operationStart = reader.lengthDelimited();
      visitor.operation(buffer, operationStart, reader.position);
    } else if (tag === 0x12) {
      const identityStart = reader.lengthDelimited();
      visitor.identity(readIdentity(buffer, identityStart, reader.position));
    } else if (tag === 0x18) {
      visitor.epoch(reader.varint());
    } else {
      reader.skip(tag);
    }
  }
}

/** Reads an encoded `WriteIdentity` without its `seq`. The session's bytes are not copied. */
export function readIdentity(buffer: Uint8Array, start: number, end: number): StreamIdentity {
  const reader = new WireReader(buffer);
  reader.reset(buffer, start, end);
  let session = buffer.subarray(0, 0);
  let openedMs = 0;
  let acknowledgedBelow = 0;
  while (reader.position < end) {
    const tag = reader.varint();
    if (tag === 0x0a) {
      const sessionStart = reader.lengthDelimited();
      session = buffer.subarray(sessionStart, reader.position);
    } else if (tag === 0x10) openedMs = reader.varint();
    else if (tag === 0x20) acknowledgedBelow = reader.varint();
    else reader.skip(tag);
  }
  if (session.length !== sessionBytes) {
    throw new WireError(`a session has ${sessionBytes} bytes, this one has ${session.length}`);
  }
  return { session, openedMs, acknowledgedBelow };
}

/** Appends the `identity` of a request. */
export function writeIdentity(writer: WireWriter, identity: StreamIdentity): void {
  const size =
    delimitedSize(identity.session.length) +
    (identity.openedMs === 0 ? 0 : 1 + varintSize(identity.openedMs)) +
    (identity.acknowledgedBelow === 0 ? 0 : 1 + varintSize(identity.acknowledgedBelow));
  writer.reserve(delimitedSize(size));
  writer.byte(0x12);
  writer.varint(size);
  writer.bytesField(0x0a, identity.session);
  writer.varintField(0x10, identity.openedMs);
  writer.varintField(0x20, identity.acknowledgedBelow);
}
