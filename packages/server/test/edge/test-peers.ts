/** Nodes for tests: each a peer port and a transport. */
import type { ConnectRouter } from "@connectrpc/connect";
import { PeerService } from "@titan-kv/proto/peer";
import { defaultPortLimits } from "../../src/http/port-limits.ts";
import type { TlsFiles } from "../../src/http/tls-files.ts";
import type { Admit, PeerIdentity } from "../../src/peer/hello.ts";
import { callingNode } from "../../src/peer/peer-credentials.ts";
import { defaultPeerLimits, type PeerLimits } from "../../src/peer/peer-limits.ts";
import type { LinkChange } from "../../src/peer/peer-link.ts";
import { PeerPort } from "../../src/peer/peer-port.ts";
import { PeerTransport } from "../../src/peer/peer-transport.ts";
import { silentLogger } from "./test-port.ts";

export const quickLimits: PeerLimits = {
  ...defaultPeerLimits,
  connectTimeoutMs: 500,
  pingIntervalMs: 20,
  pingTimeoutMs: 200,
  silenceTimeoutMs: 500,
  minBackoffMs: 5,
  maxBackoffMs: 50,
  refusedBackoffMs: 50,
};

export interface TestNodeOptions {
  readonly node: number;
  readonly identity?: Partial<PeerIdentity>;
  readonly port?: number;
  readonly tls?: TlsFiles;
  readonly limits?: PeerLimits;
  readonly admit?: Admit;
  /** Calls for the key `slow` are answered when it resolves. */
  readonly gate?: Promise<void>;
}

/** A node with everything it received. */
export class TestNode {
  readonly port: PeerPort;
  readonly transport: PeerTransport;
  readonly frames: { readonly from: number; readonly frame: Buffer }[];
  readonly changes: { readonly node: number; readonly change: LinkChange }[];

  private constructor(
    port: PeerPort,
    transport: PeerTransport,
    frames: TestNode["frames"],
    changes: TestNode["changes"],
  ) {
    this.port = port;
    this.transport = transport;
    this.frames = frames;
    this.changes = changes;
  }

  static async start(options: TestNodeOptions): Promise<TestNode> {
    const { node, tls, limits = quickLimits, admit = () => undefined } = options;
    const self = { clusterId: "test", node, incarnation: 1, token: `token-${node}`, ...options.identity };
    const frames: TestNode["frames"] = [];
    const changes: TestNode["changes"] = [];
    const transport = new PeerTransport({
      self,
      tls: tls === undefined ? undefined : { files: tls },
      limits,
      admit,
      onStateChange: (other, change) => changes.push({ node: other, change }),
      logger: silentLogger,
    });
    const port = await PeerPort.open({
      host: "127.0.0.1",
      port: options.port ?? 0,
      self,
      tls,
      limits,
      httpLimits: defaultPortLimits,
      admit,
      onFrame: (from, frame) => frames.push({ from, frame }),
      onPeer: (other) => transport.wake(other),
      routes: peerRoutes(options.gate ?? Promise.resolve()),
      logger: silentLogger,
    });
    return new TestNode(port, transport, frames, changes);
  }

  get address(): string {
    return `127.0.0.1:${this.port.address.port}`;
  }

  texts(): string[] {
    return this.frames.map(({ from, frame }) => `${from}:${frame.toString()}`);
  }

  async stop(): Promise<void> {
    this.transport.stop();
    await this.port.stop(200);
  }
}

/** FetchRecord answers who asked, as the revision; for the key `slow` it waits for the gate. */
function peerRoutes(gate: Promise<void>): (router: ConnectRouter) => void {
  return (router) => {
    router.service(PeerService, {
      async fetchRecord(request, context) {
        if (request.key === "slow") await gate;
        return { found: true, keyRevision: BigInt(callingNode(context.requestHeader)) };
      },
    });
  };
}
