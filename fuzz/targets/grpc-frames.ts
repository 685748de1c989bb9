import { FramingError, MessageDeframer } from "../../packages/client/src/node/message-deframer.ts";
import { Deframer } from "../../packages/server/src/http/deframer.ts";
import {
  type GrpcFramingFault,
  grpcLayout,
  grpcPrefixBytes,
} from "../../packages/server/src/http/grpc-framing.ts";
import { bytesOf, Finding, type FuzzTarget, single } from "../src/fuzz-target.ts";
import { cutIntoPieces } from "../support/pieces.ts";

const maxMessageBytes = 4096;

function framed(...messages: readonly string[]): Buffer {
  return Buffer.concat(
    messages.map((text) => {
      const message = Buffer.from(text);
      const prefix = Buffer.alloc(grpcPrefixBytes);
      prefix.writeUInt32BE(message.length, 1);
      return Buffer.concat([prefix, message]);
    }),
  );
}

function server(pieces: readonly Buffer[]): { messages: string[]; fault: GrpcFramingFault | undefined } {
  const deframer = new Deframer(grpcLayout(maxMessageBytes));
  const messages: string[] = [];
  for (const piece of pieces) {
    const fault = deframer.push(piece, (buffer, start, end) => {
      messages.push(buffer.toString("hex", start + grpcPrefixBytes, end));
    });
    if (fault !== undefined) return { messages, fault };
  }
  return { messages, fault: undefined };
}

function client(pieces: readonly Buffer[]): { messages: string[]; fault: FramingError | undefined } {
  const messages: string[] = [];
  const deframer = new MessageDeframer(maxMessageBytes, (buffer, start, end) => {
    messages.push(buffer.toString("hex", start, end));
  });
  try {
    for (const piece of pieces) deframer.push(piece);
  } catch (error) {
    if (!(error instanceof FramingError)) throw error;
    return { messages, fault: error };
  }
  return { messages, fault: undefined };
}

function shown(result: { messages: string[]; fault: object | undefined }): string {
  return `${result.messages.join(",")} ${result.fault === undefined ? "" : "fault"}`;
}

/** The messages of a gRPC stream, as the node and the client cut them: the two must agree, however the bytes arrive. */
export const grpcFrames: FuzzTarget = {
  name: "grpc-frames",
  seeds: () => [
    single(framed("a")),
    single(framed("", "some text", "")),
    single(framed("x".repeat(700), "y")),
  ],
  run(input, random) {
    const bytes = bytesOf(input);
    const pieces = cutIntoPieces(bytes, random);
    const [whole, cut, other] = [server([bytes]), server(pieces), client(pieces)];
    if (shown(whole) !== shown(cut))
      throw new Finding(`the node cuts ${shown(whole)}, in pieces ${shown(cut)}`);
    if (shown(whole) !== shown(other))
      throw new Finding(`the node cuts ${shown(whole)}, the client ${shown(other)}`);
    if (other.fault !== undefined) throw other.fault;
  },
  isRefusal: (error) => error instanceof FramingError,
};
