/** How a gRPC stream ended, as a failure. */
import type { IncomingHttpHeaders } from "node:http2";
import { findTrailerError } from "@connectrpc/connect/protocol-grpc";
import { failure, type Failure } from "../errors/failure.ts";
import { failureOfCall } from "../errors/wire-failure.ts";

/** Headers of a gRPC status. */
const statusHeaders = ["grpc-status", "grpc-message", "grpc-status-details-bin"] as const;

/** Whether headers carry the status with which a call ends. */
export function hasStatus(headers: IncomingHttpHeaders): boolean {
  return headers["grpc-status"] !== undefined;
}

/** What the trailers of a stream mean for operations that were not answered on it. */
export function failureOfTrailers(headers: IncomingHttpHeaders): Failure {
  const trailers = new Headers();
  for (const name of statusHeaders) {
    const value = headers[name];
    if (typeof value === "string") trailers.set(name, value);
  }
  const error = findTrailerError(trailers);
  if (error !== undefined) return failureOfCall(error);
  return failure({
    code: "UNAVAILABLE",
    outcome: "UNKNOWN",
    message: "the node ended the stream before the answer arrived",
  });
}

/** What an HTTP status other than 200 means: it comes from something between here and the node. */
export function httpFailure(status: number | undefined): Failure {
  if (status === 401 || status === 403) {
    return failure({
      code: "PERMISSION_DENIED",
      outcome: "NOT_APPLIED",
      message: `the request was refused with HTTP status ${status}`,
    });
  }
  return failure({
    code: "UNAVAILABLE",
    outcome: "UNKNOWN",
    message: `the stream was answered with HTTP status ${status ?? "unknown"}; is this the port of a node?`,
  });
}
