/**
 * How frames get from node to node. The host decides what goes into a frame; the transport carries it, and may lose,
 * repeat, delay and reorder. What arrives is handed to `Host.receive`.
 */
export interface Transport {
  /**
   * Sends a frame and returns at once. The frame belongs to the transport from here on.
   *
   * Returns false when it is known that the frame will not arrive: there is no connection, or too much is queued for
   * this node already. The host then lets the leaders among its groups know, so that they stop streaming blindly. A
   * transport must bound what it queues: frames are worth nothing when they are late.
   */
  send(node: number, frame: Uint8Array): boolean;
}
