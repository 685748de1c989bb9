/** How the frames of a stream begin. */
export interface FrameLayout<Fault extends object> {
  /** Bytes from which the length of a frame can be told. */
  readonly prefixBytes: number;
  /** Bytes of the frame whose complete prefix begins at `position`, prefix included; or why it cannot be one. */
  measure(buffer: Buffer, position: number): number | Fault;
}

/** Receives each frame, prefix included, as `[start, end)` of a buffer that is not written to afterwards. */
export type FrameVisitor = (buffer: Buffer, start: number, end: number) => void;

/**
 * Cuts a stream of bytes into frames. A frame that lies whole in a chunk, the usual case, is visited in place; one that
 * is spread over chunks is put together once it is complete, so that a length alone never makes the reader allocate:
 * what a sender can occupy is what it has sent, and no more than the largest frame its layout lets pass.
 */
export class Deframer<Fault extends object> {
  readonly #layout: FrameLayout<Fault>;
  /** Chunks of the frame that is not complete yet. */
  #parts: Buffer[] = [];
  #partBytes = 0;
  /** Length of that frame; 0 while its prefix is not complete. */
  #wantedBytes = 0;

  constructor(layout: FrameLayout<Fault>) {
    this.#layout = layout;
  }

  /** Whether the stream may end here without cutting a frame in two. */
  get atBoundary(): boolean {
    return this.#partBytes === 0;
  }

  /** Visits every frame that `chunk` completes. After a fault the deframer must not be used again. */
  push(chunk: Buffer, visit: FrameVisitor): Fault | undefined {
    let position = 0;
    if (this.#partBytes > 0) {
      const taken = this.#fill(chunk, visit);
      if (typeof taken === "object") return taken;
      position = taken;
    }
    const { prefixBytes } = this.#layout;
    while (chunk.length - position >= prefixBytes) {
      const bytes = this.#layout.measure(chunk, position);
      if (typeof bytes === "object") return bytes;
      if (bytes > chunk.length - position) {
        this.#wantedBytes = bytes;
        break;
      }
      visit(chunk, position, position + bytes);
      position += bytes;
    }
    if (position < chunk.length) this.#keep(position === 0 ? chunk : chunk.subarray(position));
    return undefined;
  }

  /** Adds to the frame under way, and visits it when it is complete; returns how much of the chunk it took. */
  #fill(chunk: Buffer, visit: FrameVisitor): number | Fault {
    let taken = 0;
    if (this.#wantedBytes === 0) {
      const { prefixBytes } = this.#layout;
      taken = Math.min(prefixBytes - this.#partBytes, chunk.length);
      this.#keep(chunk.subarray(0, taken));
      if (this.#partBytes < prefixBytes) return taken;
      const prefix = Buffer.concat(this.#parts);
      const bytes = this.#layout.measure(prefix, 0);
      if (typeof bytes === "object") return bytes;
      this.#parts = [prefix];
      this.#wantedBytes = bytes;
    }
    const rest = Math.min(this.#wantedBytes - this.#partBytes, chunk.length - taken);
    if (rest > 0) this.#keep(chunk.subarray(taken, taken + rest));
    if (this.#partBytes === this.#wantedBytes) {
      const frame = Buffer.concat(this.#parts, this.#partBytes);
      this.#parts = [];
      this.#partBytes = 0;
      this.#wantedBytes = 0;
      visit(frame, 0, frame.length);
    }
    return taken + rest;
  }

  #keep(part: Buffer): void {
    this.#parts.push(part);
    this.#partBytes += part.length;
  }
}
