/**
 * The bytes between nodes.
 *
 *     connection = preamble frame*          from the node that dialled
 *                | frame*                   from the other one
 *     preamble   = "TKVP" version(1)
 *     frame      = length(4, LE) kind(1) checksum(4, LE) payload(length)
 *
 * The checksum is the CRC-32 of the payload, begun with the kind. TCP's own is too weak for what a cluster moves in a
 * year, and network cards have been known to break it; a frame that does not match closes the connection, since nothing
 * after it can be trusted to begin where it seems to. A kind from 16 on is a channel of the layer above, so that it need
 * not put a byte of its own before every message, and copy the message to do so.
 */
import { crc32 } from "node:zlib";
import type { FrameLayout } from "../http/deframer.ts";

/** How a connection for frames begins; no method of HTTP/1.1 and not the beginning of HTTP/2. */
export const peerMagic = "TKVP";
/** Version of everything in this file. A node that speaks another one is refused, and says so. */
export const peerProtocolVersion = 1;
/** The magic and the version. */
export const preamble: Buffer = Buffer.concat([
  Buffer.from(peerMagic, "latin1"),
  Buffer.from([peerProtocolVersion]),
]);

/** Bytes before a frame's payload. */
export const frameHeaderBytes = 9;
const kindOffset = 4;
const checksumOffset = 5;

/** What a frame is. */
export const FrameKind = {
  /** A frame of the layer above, for `onFrame`; its channel is added to this number. */
  Data: 16,
  /** Asks for a pong with the same payload. */
  Ping: 1,
  Pong: 2,
  /** Who dials; first frame of the dialling side. */
  Hello: 3,
  /** Who answers; first frame of the other side, unless it is a refusal. */
  Welcome: 4,
  /** Why not; the connection is closed after it. */
  Refusal: 5,
} as const;
export type FrameKind = (typeof FrameKind)[keyof typeof FrameKind];

/** Channels that the layer above may use. */
export const channelCount = 16;

/** Whether a frame of this kind is for the layer above. */
export function isDataKind(kind: number): boolean {
  return kind >= FrameKind.Data && kind < FrameKind.Data + channelCount;
}

/** Why a connection's bytes cannot be read any further. */
export type PeerFramingFault =
  | { readonly kind: "too-large"; readonly bytes: number }
  | { readonly kind: "unknown-kind"; readonly value: number }
  | { readonly kind: "checksum" };

/** Writes a frame's header to `[position, position + frameHeaderBytes)`. */
export function writeFrameHeader(target: Buffer, position: number, kind: number, payload: Uint8Array): void {
  target.writeUInt32LE(payload.length, position);
  target[position + kindOffset] = kind;
  target.writeUInt32LE(crc32(payload, kind), position + checksumOffset);
}

/** A whole frame in a buffer of its own. */
export function encodeFrame(kind: FrameKind, payload: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(frameHeaderBytes + payload.length);
  writeFrameHeader(frame, 0, kind, payload);
  frame.set(payload, frameHeaderBytes);
  return frame;
}

/** Frames up to a size that may be raised when it is known who sends. The checksum is looked at by `payloadOf`. */
export class PeerLayout implements FrameLayout<PeerFramingFault> {
  readonly prefixBytes: number = frameHeaderBytes;
  maxFrameBytes: number;

  constructor(maxFrameBytes: number) {
    this.maxFrameBytes = maxFrameBytes;
  }

  measure(buffer: Buffer, position: number): number | PeerFramingFault {
    const bytes = buffer.readUInt32LE(position);
    if (bytes > this.maxFrameBytes) return { kind: "too-large", bytes };
    const kind = buffer[position + kindOffset]!;
    if (kind > FrameKind.Refusal && !isDataKind(kind)) return { kind: "unknown-kind", value: kind };
    return frameHeaderBytes + bytes;
  }
}

/** The kind of a complete frame that begins at `start`. */
export function frameKindAt(buffer: Buffer, start: number): number {
  return buffer[start + kindOffset]!;
}

/** The payload of a complete frame, not copied; `undefined` when its checksum does not match. */
export function payloadOf(buffer: Buffer, start: number, end: number): Buffer | undefined {
  const payload = buffer.subarray(start + frameHeaderBytes, end);
  const expected = buffer.readUInt32LE(start + checksumOffset);
  return crc32(payload, buffer[start + kindOffset]) === expected ? payload : undefined;
}
