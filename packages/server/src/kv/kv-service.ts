/** All of `KvService`. */
import type { ServiceImpl } from "@connectrpc/connect";
import type { KvService } from "@titan-kv/proto";
import { ApiError } from "../http/api-error.ts";
import type { GrpcStream, GrpcStreamHandler } from "../http/grpc-stream.ts";
import { createPipelineHandler } from "./pipeline-handler.ts";
import { type PipelineContext, PipelineStream } from "./pipeline-stream.ts";
import { createScanHandler, type ScanContext } from "./scan-handler.ts";
import { createWatchHandler, type WatchContext } from "./watch-handler.ts";
import { createUnaryHandlers } from "./unary-handlers.ts";
import { WireError } from "@titan-kv/proto/pipeline";

/** The path that the fast stream is registered for. */
export const pipelinePath = "/titan.kv.v1.KvService/Pipeline";

const stopping = new ApiError({
  reason: "UNAVAILABLE",
  outcome: "NOT_APPLIED",
  message: "the node is stopping; use another one",
});

/** Makes the service of one node. */
export function createKvService(
  pipeline: PipelineContext,
  scan: ScanContext,
  watch: WatchContext,
): ServiceImpl<typeof KvService> {
  return {
    ...createUnaryHandlers(pipeline),
    scan: createScanHandler(scan),
    watch: createWatchHandler(watch),
    pipeline: createPipelineHandler(pipeline),
  };
}

/** Serves a pipeline on a stream of plain gRPC, without the RPC library: the hot path. */
export function servePipeline(context: PipelineContext, stream: GrpcStream): GrpcStreamHandler {
  const pipeline = new PipelineStream({
    context,
    send: (message) => stream.send(message),
    wasForwarded: false,
  });
  return {
    onMessage(buffer, start, end) {
      try {
        pipeline.receive(buffer, start, end);
      } catch (error) {
        pipeline.close();
        stream.end(asStreamError(error));
      }
    },
    onEnd: () => pipeline.whenIdle(() => stream.end()),
    onDrain: () => pipeline.whenIdle(() => stream.end(stopping)),
    onClose: () => pipeline.close(),
  };
}

function asStreamError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof WireError) {
    return new ApiError({
      reason: "INVALID_ARGUMENT",
      outcome: "UNKNOWN",
      message: error.message,
      cause: error,
    });
  }
  return new ApiError({ reason: "INTERNAL", outcome: "UNKNOWN", message: "internal error", cause: error });
}
