import type { Socket } from "node:net";
import { Deframer } from "../http/deframer.ts";
import { decodeHello, encodeRefusal, type Hello, maxGreetingBytes, type Refusal } from "./hello.ts";
import {
  encodeFrame,
  FrameKind,
  frameKindAt,
  isDataKind,
  payloadOf,
  type PeerFramingFault,
  PeerLayout,
  peerProtocolVersion,
  preamble,
} from "./peer-frame.ts";
import type { PeerLimits } from "./peer-limits.ts";

/** Answers to pings that the other side does not read, in bytes; beyond that it has stopped being a node. */
const maxUnreadPongBytes = 64 * 1024;

/** What is done with what a connection brings. */
export interface InboundPeerHandlers {
  /** Judges a greeting; on success the connection is the node's from here on. */
  readonly greet: (
    hello: Hello,
    peer: InboundPeer,
  ) => { readonly welcome: Buffer } | { readonly refusal: Refusal };
  readonly onFrame: (fromNode: number, frame: Buffer, channel: number) => void;
  /** The connection broke the rules and is cut. */
  readonly onFault: (fault: string) => void;
}

/** The receiving end of a connection that another node has dialled. */
export class InboundPeer {
  readonly socket: Socket;
  readonly #limits: PeerLimits;
  readonly #handlers: InboundPeerHandlers;
  /** Until it is known who is there, nobody needs more than a greeting. */
  readonly #layout = new PeerLayout(maxGreetingBytes);
  readonly #deframer: Deframer<PeerFramingFault> = new Deframer(this.#layout);
  /** Bytes of the preamble that are still to come. */
  #preambleLeft = preamble.length;
  #hello: Hello | undefined;
  #silenceTimer: NodeJS.Timeout;

  constructor(socket: Socket, limits: PeerLimits, handlers: InboundPeerHandlers) {
    this.socket = socket;
    this.#limits = limits;
    this.#handlers = handlers;
    this.#silenceTimer = this.#expectSigns(limits.connectTimeoutMs);
    socket.on("data", (chunk: Buffer) => this.#receive(chunk));
    socket.on("close", () => clearTimeout(this.#silenceTimer));
  }

  /** Who is at the other end; `undefined` before its greeting. */
  get hello(): Hello | undefined {
    return this.#hello;
  }

  /** Cuts the connection. */
  destroy(): void {
    this.socket.destroy();
  }

  #expectSigns(withinMs: number): NodeJS.Timeout {
    const timer = setTimeout(() => this.#fault(`nothing arrived for ${withinMs} ms`), withinMs);
    timer.unref();
    return timer;
  }

  #receive(chunk: Buffer): void {
    this.#silenceTimer.refresh();
    let rest = chunk;
    if (this.#preambleLeft > 0) {
      const taken = Math.min(this.#preambleLeft, chunk.length);
      const expected = preamble.subarray(preamble.length - this.#preambleLeft).subarray(0, taken);
      if (!chunk.subarray(0, taken).equals(expected)) {
        this.#refuse({
          reason: "WRONG_VERSION",
          message: `this node speaks version ${peerProtocolVersion} of the protocol between nodes`,
        });
        return;
      }
      this.#preambleLeft -= taken;
      rest = chunk.subarray(taken);
    }
    this.#deframe(rest);
  }

  #deframe(chunk: Buffer): void {
    const fault = this.#deframer.push(chunk, (buffer, start, end) => {
      if (this.socket.destroyed || this.socket.writableEnded) return;
      if (this.#hello === undefined) this.#greet(buffer, start, end);
      else this.#frame(this.#hello.node, buffer, start, end);
    });
    if (fault !== undefined && !this.socket.writableEnded)
      this.#fault(`what arrived is no frame (${fault.kind})`);
  }

  #greet(buffer: Buffer, start: number, end: number): void {
    const payload = payloadOf(buffer, start, end);
    const hello = payload === undefined ? undefined : decodeHello(payload);
    if (hello === undefined || frameKindAt(buffer, start) !== FrameKind.Hello) {
      this.#fault("the first frame is no greeting");
      return;
    }
    const answer = this.#handlers.greet(hello, this);
    if ("refusal" in answer) {
      this.#refuse(answer.refusal);
      return;
    }
    this.#hello = hello;
    this.#layout.maxFrameBytes = this.#limits.maxFrameBytes;
    clearTimeout(this.#silenceTimer);
    this.#silenceTimer = this.#expectSigns(this.#limits.silenceTimeoutMs);
    this.socket.write(encodeFrame(FrameKind.Welcome, answer.welcome));
  }

  #frame(node: number, buffer: Buffer, start: number, end: number): void {
    const payload = payloadOf(buffer, start, end);
    if (payload === undefined) {
      this.#fault("a frame's checksum does not match");
      return;
    }
    const kind = frameKindAt(buffer, start);
    if (isDataKind(kind)) this.#handlers.onFrame(node, payload, kind - FrameKind.Data);
    else if (kind === FrameKind.Ping && this.socket.writableLength < maxUnreadPongBytes) {
      this.socket.write(encodeFrame(FrameKind.Pong, payload));
    } else this.#fault(`a frame of kind ${kind} came, which a node that dials does not send`);
  }

  #refuse(refusal: Refusal): void {
    // Whoever dialled learns why, if it still listens; either way the connection does not stay.
    this.socket.write(encodeFrame(FrameKind.Refusal, encodeRefusal(refusal)));
    this.socket.destroySoon();
  }

  #fault(fault: string): void {
    this.#handlers.onFault(fault);
    this.socket.destroy();
  }
}
