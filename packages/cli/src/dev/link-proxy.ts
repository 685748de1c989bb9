/**
 * Stands before the peer port of one node and passes on what other nodes send, unless the network between the two is cut.
 *
 * A cut works as in a real network: nothing arrives and nobody is told. The bytes stay where they are, connections
 * seem to be open, new ones are accepted and then silent. When the network is whole again, connections that were silent
 * are closed, so that nodes dial anew at once instead of waiting for their timers.
 */
import { connect, createServer, type Server, type Socket } from "node:net";
import { DiallerReader } from "./dialler.ts";
import type { LinkFaults } from "./link-faults.ts";

/** How long a connection may take to say who it is, in milliseconds. */
const introductionLimitMs = 10_000;
/** Bytes that a connection may send before it is known who it is. */
const maxIntroductionBytes = 64 * 1024;

/** What a proxy stands before. */
export interface LinkProxyOptions {
  /** The node that is dialled. */
  readonly node: number;
  readonly listenPort: number;
  readonly targetPort: number;
  readonly faults: LinkFaults;
}

export class LinkProxy {
  readonly #server: Server;
  readonly #links = new Set<Link>();

  private constructor(options: LinkProxyOptions) {
    this.#server = createServer((socket) => {
      const link = new Link(socket, options);
      this.#links.add(link);
      socket.on("close", () => this.#links.delete(link));
    });
    options.faults.onChange(() => {
      for (const link of this.#links) link.follow();
    });
  }

  /** Binds the port. @throws when it is taken. */
  static async open(options: LinkProxyOptions): Promise<LinkProxy> {
    const proxy = new LinkProxy(options);
    await new Promise<void>((resolve, reject) => {
      proxy.#server.once("error", reject);
      proxy.#server.listen({ host: "127.0.0.1", port: options.listenPort }, resolve);
    });
    return proxy;
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const link of this.#links) link.destroy();
    await closed;
  }
}

/** One connection: the node that dialled on one side, the node that is dialled on the other. */
class Link {
  readonly #inbound: Socket;
  readonly #options: LinkProxyOptions;
  readonly #reader: DiallerReader;
  readonly #timer: NodeJS.Timeout;
  #introduction: Buffer[] = [];
  #introductionBytes = 0;
  #dialler: number | undefined;
  #outbound: Socket | undefined;
  #wasCut = false;

  constructor(inbound: Socket, options: LinkProxyOptions) {
    this.#inbound = inbound;
    this.#options = options;
    this.#reader = new DiallerReader((node) => this.#introduced(node));
    this.#timer = setTimeout(() => this.destroy(), introductionLimitMs);
    inbound.setNoDelay(true);
    inbound.on("error", () => this.destroy());
    inbound.on("close", () => this.destroy());
    inbound.on("data", this.#collect);
  }

  destroy(): void {
    clearTimeout(this.#timer);
    this.#reader.close();
    this.#inbound.destroy();
    this.#outbound?.destroy();
  }

  /** Looks again whether the network between the two is whole. */
  follow(): void {
    if (this.#dialler === undefined) return;
    const { forwards, backwards } = this.#cuts(this.#dialler);
    if (forwards || backwards) {
      this.#wasCut = true;
      if (forwards) this.#inbound.pause();
      if (backwards) this.#outbound?.pause();
      // One direction may just have been healed; what was held back in it is lost, as it would be after a timeout.
    } else if (this.#wasCut) this.destroy();
  }

  readonly #collect = (chunk: Buffer): void => {
    this.#introduction.push(chunk);
    this.#introductionBytes += chunk.length;
    if (this.#introductionBytes > maxIntroductionBytes) this.destroy();
    else this.#reader.push(chunk);
  };

  #cuts(dialler: number): { readonly forwards: boolean; readonly backwards: boolean } {
    const { faults, node } = this.#options;
    return { forwards: faults.isCut(dialler, node), backwards: faults.isCut(node, dialler) };
  }

  #introduced(dialler: number | undefined): void {
    clearTimeout(this.#timer);
    if (dialler === undefined || this.#inbound.destroyed) {
      this.destroy();
      return;
    }
    this.#dialler = dialler;
    this.#inbound.pause();
    this.#inbound.off("data", this.#collect);
    const { forwards, backwards } = this.#cuts(dialler);
    if (forwards || backwards) this.#wasCut = true;
    // The first packet would not have arrived: there is no connection to the node, only one that the dialler hopes for.
    if (!forwards) this.#connect(backwards);
  }

  #connect(isCutBackwards: boolean): void {
    const outbound = connect({ host: "127.0.0.1", port: this.#options.targetPort });
    this.#outbound = outbound;
    outbound.setNoDelay(true);
    outbound.on("error", () => this.destroy());
    outbound.on("close", () => this.destroy());
    outbound.write(Buffer.concat(this.#introduction));
    this.#introduction = [];
    const dialler = this.#dialler!;
    const { faults, node } = this.#options;
    pass(this.#inbound, outbound, {
      isCut: () => this.#cuts(dialler).forwards,
      delayMs: () => faults.delayMs(dialler, node),
    });
    pass(outbound, this.#inbound, {
      isCut: () => this.#cuts(dialler).backwards,
      delayMs: () => faults.delayMs(node, dialler),
    });
    this.#inbound.resume();
    if (isCutBackwards) outbound.pause();
  }
}

/** What happens to the bytes of one direction. */
interface Passage {
  readonly isCut: () => boolean;
  readonly delayMs: () => number;
}

/** Passes bytes on as fast as they are taken, later where the direction is slow, and not at all while it is cut. */
function pass(source: Socket, sink: Socket, { isCut, delayMs }: Passage): void {
  // Behind bytes that wait, others wait too, even if the direction is fast again.
  const late: { readonly dueMs: number; readonly chunk: Buffer }[] = [];
  const write = (chunk: Buffer): void => {
    if (!sink.destroyed && !sink.write(chunk)) source.pause();
  };
  const passLate = (): void => {
    while (late[0] !== undefined && late[0].dueMs <= performance.now()) write(late.shift()!.chunk);
    if (late[0] !== undefined) setTimeout(passLate, Math.max(1, late[0].dueMs - performance.now()));
  };
  source.on("data", (chunk: Buffer) => {
    const waitMs = delayMs();
    if (waitMs === 0 && late.length === 0) {
      write(chunk);
      return;
    }
    late.push({ dueMs: performance.now() + waitMs, chunk });
    if (late.length === 1) passLate();
  });
  sink.on("drain", () => {
    if (!isCut()) source.resume();
  });
  // What waits then is lost, as with a connection that breaks.
  source.on("end", () => sink.end());
}
