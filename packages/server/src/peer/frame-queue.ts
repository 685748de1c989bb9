import type { Writable } from "node:stream";
import { FrameKind, frameHeaderBytes, writeFrameHeader } from "./peer-frame.ts";

/** Frames up to this size are copied into a common buffer; a larger one is written from where it lies, in bytes. */
const maxCopiedBytes = 16 * 1024;
/** Size at which a common buffer is written, in bytes. */
const gatherBytes = 64 * 1024;
/** What may lie in a socket's own buffer before frames stay in the queue, in bytes. */
const maxSocketBytes = 1024 * 1024;

/** Frames that wait for one node, bounded in bytes. */
export class FrameQueue {
  readonly #maxBytes: number;
  #frames: Uint8Array[] = [];
  /** The channel of each frame. */
  #channels: number[] = [];
  /** Position of the first frame that is still to be written. */
  #next = 0;
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes that wait. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Adds a frame, or returns false when it does not fit. */
  add(frame: Uint8Array, channel = 0): boolean {
    const bytes = this.#bytes + frame.length + frameHeaderBytes;
    if (bytes > this.#maxBytes) return false;
    this.#bytes = bytes;
    this.#frames.push(frame);
    this.#channels.push(channel);
    return true;
  }

  /** Drops everything; returns how many frames that were. */
  clear(): number {
    const dropped = this.#frames.length - this.#next;
    this.#frames = [];
    this.#channels = [];
    this.#next = 0;
    this.#bytes = 0;
    return dropped;
  }

  /**
   * Writes as much as the socket can take, in few writes, and returns how many frames that were. What is left waits for
   * the socket's "drain".
   */
  writeTo(socket: Writable): number {
    const first = this.#next;
    socket.cork();
    while (this.#next < this.#frames.length && socket.writableLength < maxSocketBytes) {
      const frame = this.#frames[this.#next]!;
      if (frame.length > maxCopiedBytes) this.#writeAlone(socket, frame);
      else this.#writeRun(socket);
    }
    socket.uncork();
    const written = this.#next - first;
    if (this.#next === this.#frames.length) {
      this.#frames = [];
      this.#channels = [];
      this.#next = 0;
    } else if (this.#next > this.#frames.length / 2) {
      this.#frames = this.#frames.slice(this.#next);
      this.#channels = this.#channels.slice(this.#next);
      this.#next = 0;
    }
    return written;
  }

  #writeAlone(socket: Writable, frame: Uint8Array): void {
    const header = Buffer.allocUnsafe(frameHeaderBytes);
    writeFrameHeader(header, 0, FrameKind.Data + this.#channels[this.#next]!, frame);
    socket.write(header);
    socket.write(frame);
    this.#next += 1;
    this.#bytes -= frame.length + frameHeaderBytes;
  }

  /** Writes the small frames up to the next large one, or until a buffer is full, as one piece. */
  #writeRun(socket: Writable): void {
    const frames = this.#frames;
    let end = this.#next;
    let bytes = 0;
    while (end < frames.length && bytes < gatherBytes) {
      const frame = frames[end]!;
      if (frame.length > maxCopiedBytes) break;
      bytes += frameHeaderBytes + frame.length;
      end += 1;
    }
    const run = Buffer.allocUnsafe(bytes);
    let position = 0;
    for (let index = this.#next; index < end; index += 1) {
      const frame = frames[index]!;
      writeFrameHeader(run, position, FrameKind.Data + this.#channels[index]!, frame);
      run.set(frame, position + frameHeaderBytes);
      position += frameHeaderBytes + frame.length;
    }
    socket.write(run);
    this.#next = end;
    this.#bytes -= bytes;
  }
}
