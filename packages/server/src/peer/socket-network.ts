/** The network between nodes over sockets: one port to receive on, one connection to each other node. */
import type { Logger } from "pino";
import { defaultPortLimits } from "../http/port-limits.ts";
import type { TlsFiles } from "../http/tls-files.ts";
import type { Admit, PeerIdentity, Refusal } from "./hello.ts";
import type { PeerLimits } from "./peer-limits.ts";
import type { PeerChannel } from "./peer-channel.ts";
import type { NetworkFields, PeerNetwork } from "./peer-network.ts";
import { PeerPort } from "./peer-port.ts";
import { PeerTransport } from "./peer-transport.ts";

/** How long calls between nodes may finish when a node stops, in milliseconds. */
const stopGraceMs = 1000;

export interface SocketNetworkFields extends NetworkFields {
  readonly host: string;
  readonly port: number;
  /** `host:port` under which others find this node; absent means where it listens. */
  readonly advertised: string | undefined;
  readonly self: PeerIdentity;
  readonly admit: Admit;
  readonly tls: TlsFiles | undefined;
  /** Name in every node's certificate, when it is not the host that is dialled. */
  readonly serverName: string | undefined;
  readonly limits: PeerLimits;
  readonly logger: Logger;
}

/** Whether a refusal says that this node, as it is, will never be let in. */
function isFinal({ reason }: Refusal): boolean {
  return reason === "REMOVED" || reason === "BAD_TOKEN";
}

/** Binds the port. @throws when the address is in use or not ours. */
export async function openSocketNetwork(fields: SocketNetworkFields): Promise<PeerNetwork> {
  const { listener, self, admit, tls, serverName, limits, logger } = fields;
  const transport = new PeerTransport({
    self,
    admit,
    limits,
    logger,
    ...(tls === undefined ? {} : { tls: { files: tls, serverName } }),
    onStateChange: (node, change) => {
      if (change.to === "connected") listener()?.connected(node);
      else listener()?.disconnected(node);
      if (change.to === "refused" && change.by === "other" && isFinal(change.refusal)) {
        listener()?.expelled(change.refusal.message);
      }
    },
  });
  const port = await PeerPort.open({
    host: fields.host,
    port: fields.port,
    self,
    admit,
    tls,
    limits,
    httpLimits: defaultPortLimits,
    onFrame: (node, frame, channel) => listener()?.message(node, channel as PeerChannel, frame),
    // Whoever has just come up is worth dialling before the next attempt is due.
    onPeer: (node) => transport.wake(node),
    routes: fields.routes,
    logger,
  });
  return {
    address: fields.advertised ?? `${port.address.host}:${port.address.port}`,
    send: (node, channel, message) => transport.send(node, message, channel),
    setAddress: (node, address) => transport.setAddress(node, address),
    forget: (node) => {
      transport.forget(node);
      port.disconnect(node);
    },
    isConnected: (node) => transport.isConnected(node),
    service: (node) => transport.client(node),
    status: () => transport.status(),
    stop: async () => {
      transport.stop();
      await port.stop(stopGraceMs);
    },
  };
}
