import type { FrameLayout } from "./deframer.ts";

/** Bytes before each message of a gRPC stream: a flag for compression and the length, big-endian. */
export const grpcPrefixBytes = 5;

/** Why a stream's bytes cannot be read any further. */
export type GrpcFramingFault =
  | { readonly kind: "too-large"; readonly bytes: number }
  | { readonly kind: "compressed" }
  | { readonly kind: "reserved-flag" };

/** The messages of a gRPC stream, up to a size, not compressed. */
export function grpcLayout(maxMessageBytes: number): FrameLayout<GrpcFramingFault> {
  return {
    prefixBytes: grpcPrefixBytes,
    measure(buffer, position) {
      const flag = buffer[position];
      if (flag === 1) return { kind: "compressed" };
      if (flag !== 0) return { kind: "reserved-flag" };
      const bytes = buffer.readUInt32BE(position + 1);
      if (bytes > maxMessageBytes) return { kind: "too-large", bytes };
      return grpcPrefixBytes + bytes;
    },
  };
}
