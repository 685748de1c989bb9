import type { PeerStatus } from "../peer/peer-transport.ts";
import type { MetricsRegistry } from "./metrics-registry.ts";

const millisecondsPerSecond = 1000;

/** Shows how the other nodes are reached, read from the transport when the metrics are asked for. */
export function addPeerMetrics(registry: MetricsRegistry, peers: () => readonly PeerStatus[]): void {
  const connected = registry.gauge({
    name: "titan_peer_connected",
    help: "1 when this node has a connection to the other one",
    labels: ["node"],
  });
  const roundTrip = registry.gauge({
    name: "titan_peer_round_trip_seconds",
    help: "Smoothed time from a ping to its answer",
    labels: ["node"],
  });
  const queued = registry.gauge({
    name: "titan_peer_queue_bytes",
    help: "Bytes that wait for the other node",
    labels: ["node"],
  });
  const frames = registry.counter({
    name: "titan_peer_frames_total",
    help: "Frames for the other node: sent, refused by a full queue or for want of a connection, lost with one",
    labels: ["node", "result"],
  });
  const connections = registry.counter({
    name: "titan_peer_connections_total",
    help: "Connections to the other node that were made",
    labels: ["node"],
  });

  registry.onScrape(() => {
    // Filled anew, so that a node that was forgotten disappears.
    for (const family of [connected, roundTrip, queued, frames, connections]) family.clear();
    for (const peer of peers()) {
      const node = String(peer.node);
      connected.with(node).set(peer.connected ? 1 : 0);
      if (peer.roundTripMs !== undefined) roundTrip.with(node).set(peer.roundTripMs / millisecondsPerSecond);
      queued.with(node).set(peer.queuedBytes);
      frames.with(node, "sent").add(peer.counters.sentFrames);
      frames.with(node, "refused").add(peer.counters.refusedFrames);
      frames.with(node, "lost").add(peer.counters.lostFrames);
      connections.with(node).add(peer.counters.connections);
    }
  });
}
