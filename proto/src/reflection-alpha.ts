/** The reflection protocol of gRPC under its older name, which many tools still use. */
export * from "./gen/grpc/reflection/v1alpha/reflection_pb.ts";
