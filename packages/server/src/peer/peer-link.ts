/**
 * The way to one other node: dials, introduces itself, sends frames, notices when the other side is gone, dials again.
 *
 * Each node dials every node it has something to say to, and says it on that connection only; what the other side says
 * comes on a connection of its own. So there is nothing to settle when both dial at once, and a connection that works
 * in one direction only is found out by the side that needs the other.
 */
import net, { type Socket } from "node:net";
import tls from "node:tls";
import { Deframer } from "../http/deframer.ts";
import { minTlsVersion, type TlsFiles } from "../http/tls-files.ts";
import { FrameQueue } from "./frame-queue.ts";
import { Heartbeat } from "./heartbeat.ts";
import {
  type Admit,
  decodeHello,
  decodeRefusal,
  encodeHello,
  maxGreetingBytes,
  type PeerIdentity,
  type Refusal,
} from "./hello.ts";
import { encodeFrame, FrameKind, frameKindAt, payloadOf, PeerLayout, preamble } from "./peer-frame.ts";
import type { PeerLimits } from "./peer-limits.ts";

/** Where nodes find each other. */
export interface PeerAddress {
  readonly host: string;
  readonly port: number;
}

/** How connections to other nodes are encrypted. */
export interface PeerTls {
  readonly files: TlsFiles;
  /** The name that must be in every node's certificate; absent means the host that is dialled. */
  readonly serverName?: string | undefined;
}

/** What a link does with its connection. */
type LinkState =
  | { readonly name: "waiting"; readonly timer: NodeJS.Timeout }
  | { readonly name: "dialling"; readonly socket: Socket; readonly timer: NodeJS.Timeout }
  | { readonly name: "open"; readonly socket: Socket; readonly heartbeat: Heartbeat }
  | { readonly name: "closed" };

/** What became of the frames that were given to a link. */
export interface LinkCounters {
  sentFrames: number;
  sentBytes: number;
  /** Not taken: there was no connection, or the queue was full, or the frame too large. */
  refusedFrames: number;
  /** Taken, and dropped when the connection failed before they were written. */
  lostFrames: number;
  /** Connections that were made. */
  connections: number;
}

/** What a link needs. */
export interface PeerLinkOptions {
  readonly self: PeerIdentity;
  readonly node: number;
  readonly address: PeerAddress;
  readonly tls: PeerTls | undefined;
  readonly limits: PeerLimits;
  /** Judges the node that answers. */
  readonly admit: Admit;
  /** Called after each change; `refusal` says why the other side, or `admit`, said no; `error` why a connection failed. */
  readonly onChange: (change: LinkChange) => void;
}

/** A change of a link. */
export type LinkChange =
  | { readonly to: "connected"; readonly incarnation: number }
  | { readonly to: "disconnected"; readonly error: string }
  /** `by` says who refused: the node that was dialled, or this one. */
  | { readonly to: "refused"; readonly refusal: Refusal; readonly by: "other" | "this" };

/** A connection to one node, made again whenever it fails. */
export class PeerLink {
  readonly counters: LinkCounters = {
    sentFrames: 0,
    sentBytes: 0,
    refusedFrames: 0,
    lostFrames: 0,
    connections: 0,
  };
  readonly address: PeerAddress;
  readonly #options: PeerLinkOptions;
  readonly #queue: FrameQueue;
  #state: LinkState;
  /** Attempts that failed since the last one that worked. */
  #failures = 0;
  #flushScheduled = false;
  readonly #flush = (): void => {
    this.#flushScheduled = false;
    if (this.#state.name === "open") this.counters.sentFrames += this.#queue.writeTo(this.#state.socket);
  };

  /** Dials at once. */
  constructor(options: PeerLinkOptions) {
    this.#options = options;
    this.address = options.address;
    this.#queue = new FrameQueue(options.limits.maxQueueBytes);
    this.#state = this.#dial();
  }

  /** Whether frames have a connection to go to. */
  get connected(): boolean {
    return this.#state.name === "open";
  }

  /** Bytes that wait for the connection. */
  get queuedBytes(): number {
    return this.#queue.bytes;
  }

  /** Smoothed round-trip time, in milliseconds; `undefined` without a connection. */
  get roundTripMs(): number | undefined {
    return this.#state.name === "open" ? this.#state.heartbeat.roundTripMs : undefined;
  }

  /**
   * Takes a frame; the bytes must not change any more. Returns false, and drops it, when it is too large, when the queue
   * is full, and when there is no connection and none is being made: what is old by the time a connection is back would
   * only delay what is new.
   */
  send(frame: Uint8Array, channel = 0): boolean {
    const { name } = this.#state;
    const fits = frame.length <= this.#options.limits.maxFrameBytes;
    if ((name !== "open" && name !== "dialling") || !fits || !this.#queue.add(frame, channel)) {
      this.counters.refusedFrames += 1;
      return false;
    }
    this.counters.sentBytes += frame.length;
    if (name === "open" && !this.#flushScheduled) {
      this.#flushScheduled = true;
      // Behind the work of this turn, so that all its frames leave in one write.
      queueMicrotask(this.#flush);
    }
    return true;
  }

  /** Dials now if it is waiting to: the other node has just been heard of. */
  wake(): void {
    if (this.#state.name !== "waiting") return;
    clearTimeout(this.#state.timer);
    this.#state = this.#dial();
  }

  /** Ends the link for good. */
  close(): void {
    this.#leave();
    this.#state = { name: "closed" };
  }

  #dial(): LinkState {
    const { connectTimeoutMs } = this.#options.limits;
    const socket = this.#connect();
    const state: LinkState = {
      name: "dialling",
      socket,
      timer: setTimeout(
        () => this.#fail(socket, `no connection within ${connectTimeoutMs} ms`),
        connectTimeoutMs,
      ),
    };
    state.timer.unref();
    socket.setNoDelay(true);
    socket.on("error", (error) => this.#fail(socket, error.message));
    socket.on("close", () => this.#fail(socket, "the other side closed the connection"));
    this.#listen(socket);
    return state;
  }

  #connect(): Socket {
    const { address, tls: security, self, node } = this.#options;
    const greet = (socket: Socket): void => {
      const hello = encodeFrame(FrameKind.Hello, encodeHello({ ...self, to: node }));
      socket.write(Buffer.concat([preamble, hello]));
    };
    if (security === undefined) {
      const socket = net.connect(address.port, address.host, () => greet(socket));
      return socket;
    }
    const { serverName } = security;
    const options: tls.ConnectionOptions = {
      host: address.host,
      port: address.port,
      secureContext: security.files.context,
      minVersion: minTlsVersion,
      ALPNProtocols: [peerAlpn],
      ...(serverName === undefined ? {} : { servername: serverName }),
    };
    const socket = tls.connect(options, () => greet(socket));
    return socket;
  }

  #listen(socket: Socket): void {
    const deframer = new Deframer(new PeerLayout(maxGreetingBytes));
    socket.on("data", (chunk: Buffer) => {
      const fault = deframer.push(chunk, (buffer, start, end) => this.#receive(socket, buffer, start, end));
      if (fault !== undefined) this.#fail(socket, `the other side sent what is no frame (${fault.kind})`);
    });
    socket.on("drain", this.#flush);
  }

  #receive(socket: Socket, buffer: Buffer, start: number, end: number): void {
    const state = this.#state;
    if ((state.name !== "dialling" && state.name !== "open") || state.socket !== socket) return;
    const payload = payloadOf(buffer, start, end);
    if (payload === undefined) {
      this.#fail(socket, "a frame's checksum does not match");
      return;
    }
    const kind = frameKindAt(buffer, start);
    if (kind === FrameKind.Pong && state.name === "open") state.heartbeat.answered(payload);
    else if (kind === FrameKind.Refusal) this.#refused(decodeRefusal(payload), "other");
    else if (kind === FrameKind.Welcome && state.name === "dialling") this.#welcomed(socket, payload);
    else this.#fail(socket, `the other side sent a frame of kind ${kind}, which it should not`);
  }

  #welcomed(socket: Socket, payload: Buffer): void {
    const { self, node, admit } = this.#options;
    const hello = decodeHello(payload);
    if (hello === undefined) {
      this.#fail(socket, "the other side answered with what is no greeting");
      return;
    }
    const refusal = misdirected(hello, self, node) ?? admit(hello);
    if (refusal !== undefined) {
      this.#refused(refusal, "this");
      return;
    }
    if (this.#state.name === "dialling") clearTimeout(this.#state.timer);
    const heartbeat = new Heartbeat(socket, this.#options.limits, () => {
      this.#fail(socket, `no sign of life for ${this.#options.limits.pingTimeoutMs} ms`);
    });
    this.#state = { name: "open", socket, heartbeat };
    this.#failures = 0;
    this.counters.connections += 1;
    this.#options.onChange({ to: "connected", incarnation: hello.incarnation });
    this.#flush();
  }

  #refused(refusal: Refusal, by: "other" | "this"): void {
    const { minBackoffMs, refusedBackoffMs } = this.#options.limits;
    this.#wait(refusal.reason === "NOT_READY" ? this.#backoffMs(minBackoffMs) : refusedBackoffMs);
    this.#options.onChange({ to: "refused", refusal, by });
  }

  /** The connection that `socket` was is over. Several events say so; the first one counts. */
  #fail(socket: Socket, error: string): void {
    const state = this.#state;
    if ((state.name !== "dialling" && state.name !== "open") || state.socket !== socket) return;
    this.#wait(this.#backoffMs(this.#options.limits.minBackoffMs));
    this.#options.onChange({ to: "disconnected", error });
  }

  /** A wait that doubles with each failure, less a random part, so that nodes do not come back in step. */
  #backoffMs(minBackoffMs: number): number {
    const fullMs = Math.min(minBackoffMs * 2 ** this.#failures, this.#options.limits.maxBackoffMs);
    this.#failures += 1;
    return fullMs * (0.5 + Math.random() / 2);
  }

  #wait(delayMs: number): void {
    this.#leave();
    const timer = setTimeout(() => {
      this.#state = this.#dial();
    }, delayMs);
    timer.unref();
    this.#state = { name: "waiting", timer };
  }

  /** Lets go of whatever the present state holds. */
  #leave(): void {
    const state = this.#state;
    if (state.name === "waiting" || state.name === "dialling") clearTimeout(state.timer);
    if (state.name === "open") state.heartbeat.stop();
    if (state.name === "open" || state.name === "dialling") state.socket.destroy();
    this.counters.lostFrames += this.#queue.clear();
  }
}

/** Name of the frames' protocol in TLS; the services use HTTP/2's. */
export const peerAlpn = "titan-peer/1";

/** Whether a greeting comes from, or is meant for, somebody else. */
export function misdirected(
  hello: PeerIdentity & { readonly to: number },
  self: PeerIdentity,
  expectedNode: number | undefined,
): Refusal | undefined {
  if (hello.clusterId !== self.clusterId) {
    return {
      reason: "WRONG_CLUSTER",
      message: `node ${hello.node} belongs to cluster ${hello.clusterId}, node ${self.node} to ${self.clusterId}`,
    };
  }
  if (hello.to !== self.node || (expectedNode !== undefined && hello.node !== expectedNode)) {
    return {
      reason: "WRONG_NODE",
      message: `node ${hello.node} wanted node ${hello.to} and reached node ${self.node}`,
    };
  }
  return undefined;
}
