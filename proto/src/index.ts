/**
 * What clients of Titan-KV use. The services between nodes and those of gRPC are on sub-paths: `./peer`, `./health`,
 * `./reflection`, `./reflection-alpha`.
 */
export * from "./gen/titan/cluster/v1/cluster_pb.ts";
export * from "./gen/titan/kv/v1/error_pb.ts";
export * from "./gen/titan/kv/v1/kv_pb.ts";
export * from "./gen/titan/kv/v1/origin_pb.ts";
export * from "./gen/titan/kv/v1/read_pb.ts";
export * from "./gen/titan/kv/v1/write_pb.ts";
export * from "./gen/titan/maintenance/v1/maintenance_pb.ts";
