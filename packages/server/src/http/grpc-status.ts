/** How a gRPC call ends: its status as trailers. */
import { toBinary } from "@bufbuild/protobuf";
import { ErrorInfoSchema } from "@titan-kv/proto";
import { WireWriter } from "@titan-kv/proto/pipeline";
import type { ApiError } from "./api-error.ts";
import { codeOf, errorInfoOf } from "./error-mapping.ts";

/** Trailers of a gRPC call, ready to be sent. */
export type GrpcTrailers = Readonly<Record<string, string>>;

/** A call that ended well. */
export const grpcOk: GrpcTrailers = { "grpc-status": "0" };

const textEncoder = new TextEncoder();

/** Tags of `google.rpc.Status` and `google.protobuf.Any`, which both are older than this code and will not change. */
const statusCodeTag = 0x08;
const statusMessageTag = 0x12;
const statusDetailTag = 0x1a;
const anyTypeTag = 0x0a;
const anyValueTag = 0x12;

const infoType = textEncoder.encode(`type.googleapis.com/${ErrorInfoSchema.typeName}`);

function encodeAny(type: Uint8Array, value: Uint8Array): Uint8Array {
  const writer = new WireWriter();
  writer.reserve(type.length + value.length + 16);
  writer.bytesField(anyTypeTag, type);
  writer.bytesField(anyValueTag, value);
  return writer.take();
}

/** The trailers that tell a gRPC client of an error, with its detail. */
export function grpcTrailersOf(error: ApiError): GrpcTrailers {
  const code = codeOf(error.reason);
  const message = textEncoder.encode(error.message);
  const detail = encodeAny(infoType, toBinary(ErrorInfoSchema, errorInfoOf(error)));
  const writer = new WireWriter();
  writer.reserve(message.length + detail.length + 32);
  writer.varintField(statusCodeTag, code);
  writer.bytesField(statusMessageTag, message);
  writer.bytesField(statusDetailTag, detail);
  return {
    "grpc-status": String(code),
    // Percent-encoded, as gRPC wants it: a header may only hold printable ASCII.
    "grpc-message": encodeURIComponent(error.message.toWellFormed()),
    "grpc-status-details-bin": writer.take().toString("base64"),
  };
}
