/** The standard health protocol of gRPC. */
export * from "./gen/grpc/health/v1/health_pb.ts";
