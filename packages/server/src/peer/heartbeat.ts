import type { Socket } from "node:net";
import { encodeFrame, FrameKind } from "./peer-frame.ts";
import type { PeerLimits } from "./peer-limits.ts";

/** Weight of the newest round-trip time in the smoothed one. */
const newestWeight = 0.2;
const payloadBytes = 8;

/**
 * Asks the other side of a connection for a sign of life, and measures how long it takes. TCP alone would need many
 * minutes to notice that the other machine is gone when there is nothing to send, or that the network swallows
 * everything.
 */
export class Heartbeat {
  readonly #limits: PeerLimits;
  readonly #timer: NodeJS.Timeout;
  /** When the unanswered ping was sent; 0 when there is none. */
  #pingedAtMs = 0;
  #roundTripMs: number | undefined;

  /** Begins at once. `onSilence` is called when an answer is overdue. */
  constructor(socket: Socket, limits: PeerLimits, onSilence: () => void) {
    this.#limits = limits;
    this.#timer = setInterval(() => this.#beat(socket, onSilence), limits.pingIntervalMs);
    this.#timer.unref();
    this.#beat(socket, onSilence);
  }

  /** Smoothed time from a ping to its pong, in milliseconds; `undefined` before the first. */
  get roundTripMs(): number | undefined {
    return this.#roundTripMs;
  }

  /** A pong arrived; one that answers no ping of ours is ignored. */
  answered(payload: Buffer): void {
    if (payload.length !== payloadBytes || this.#pingedAtMs === 0) return;
    if (payload.readDoubleLE(0) !== this.#pingedAtMs) return;
    const roundTripMs = performance.now() - this.#pingedAtMs;
    this.#pingedAtMs = 0;
    const before = this.#roundTripMs ?? roundTripMs;
    this.#roundTripMs = before + (roundTripMs - before) * newestWeight;
  }

  /** No more pings. */
  stop(): void {
    clearInterval(this.#timer);
  }

  #beat(socket: Socket, onSilence: () => void): void {
    const nowMs = performance.now();
    if (this.#pingedAtMs !== 0) {
      if (nowMs - this.#pingedAtMs > this.#limits.pingTimeoutMs) onSilence();
      return;
    }
    this.#pingedAtMs = nowMs;
    const payload = Buffer.allocUnsafe(payloadBytes);
    payload.writeDoubleLE(nowMs, 0);
    socket.write(encodeFrame(FrameKind.Ping, payload));
  }
}
