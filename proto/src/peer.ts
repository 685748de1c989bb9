/** Between nodes; may change with any release. */
export * from "./gen/titan/peer/v1/peer_pb.ts";
