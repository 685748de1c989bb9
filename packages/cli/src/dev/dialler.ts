/**
 * Finds out which node has made a connection, from the first bytes that it sent.
 *
 * A proxy between nodes sees only sockets of one machine. Who is behind one is said in the greeting that begins a
 * connection for frames, which is JSON, and in a header of every call that is made over HTTP/2, which is compressed: an
 * HTTP/2 session that nobody answers reads a copy of it.
 */
import http2, { type ServerHttp2Session } from "node:http2";
import { Duplex } from "node:stream";

/** Magic, version, and the header of the first frame: length (4, little endian), kind (1), checksum (4). */
const magic = "TKVP";
const preambleBytes = 5;
const frameHeaderBytes = 9;
const maxGreetingBytes = 4096;
const http2Magic = "PRI ";
const nodeHeader = "titan-node";

/** Reads the beginning of one connection. Call `push` with its bytes until `onKnown` is called. */
export class DiallerReader {
  readonly #onKnown: (node: number | undefined) => void;
  #head: Buffer = Buffer.alloc(0);
  #calls: CallReader | undefined;
  #settled = false;

  /** `onKnown` gets the node, once; `undefined` for what no node of a cluster sends. */
  constructor(onKnown: (node: number | undefined) => void) {
    this.#onKnown = onKnown;
  }

  push(chunk: Buffer): void {
    if (this.#settled) return;
    if (this.#calls !== undefined) {
      this.#calls.push(chunk);
      return;
    }
    this.#head = Buffer.concat([this.#head, chunk]);
    if (this.#head.length < magic.length) return;
    const start = this.#head.toString("latin1", 0, magic.length);
    if (start === magic) this.#readGreeting();
    else if (start === http2Magic) {
      this.#calls = new CallReader((node) => this.#settle(node));
      this.#calls.push(this.#head);
    } else this.#settle(undefined);
  }

  /** Lets go of what it holds. */
  close(): void {
    this.#settled = true;
    this.#calls?.close();
  }

  #readGreeting(): void {
    if (this.#head.length < preambleBytes + frameHeaderBytes) return;
    const length = this.#head.readUInt32LE(preambleBytes);
    if (length > maxGreetingBytes) {
      this.#settle(undefined);
      return;
    }
    const start = preambleBytes + frameHeaderBytes;
    if (this.#head.length < start + length) return;
    this.#settle(nodeOfGreeting(this.#head.toString("utf8", start, start + length)));
  }

  #settle(node: number | undefined): void {
    if (this.#settled) return;
    this.close();
    this.#onKnown(node);
  }
}

function nodeOfGreeting(text: string): number | undefined {
  try {
    const { node } = JSON.parse(text) as { node?: unknown };
    return Number.isSafeInteger(node) ? (node as number) : undefined;
  } catch {
    return undefined;
  }
}

/** Reads the headers of the first call on a copy of an HTTP/2 connection. */
class CallReader {
  readonly #copy: Duplex;
  readonly #session: ServerHttp2Session;

  constructor(onNode: (node: number | undefined) => void) {
    // What the session answers goes nowhere.
    this.#copy = new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done() });
    this.#session = http2.performServerHandshake(this.#copy);
    this.#session.on("stream", (stream, headers) => {
      stream.on("error", () => undefined);
      const node = Number(headers[nodeHeader]);
      // Not from within the session's own reading, which must not be destroyed under its feet.
      setImmediate(() => onNode(Number.isSafeInteger(node) && node > 0 ? node : undefined));
    });
    this.#session.on("error", () => setImmediate(() => onNode(undefined)));
  }

  push(chunk: Buffer): void {
    this.#copy.push(chunk);
  }

  close(): void {
    this.#session.destroy();
    this.#copy.destroy();
  }
}
