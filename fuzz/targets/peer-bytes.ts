import { crc32 } from "node:zlib";
import { Deframer } from "../../packages/server/src/http/deframer.ts";
import { decodeAnnouncement, encodeAnnouncement } from "../../packages/server/src/node/leadership-board.ts";
import {
  decodeHello,
  decodeRefusal,
  encodeHello,
  encodeRefusal,
} from "../../packages/server/src/peer/hello.ts";
import {
  encodeFrame,
  frameHeaderBytes,
  FrameKind,
  frameKindAt,
  payloadOf,
  type PeerFramingFault,
  PeerLayout,
} from "../../packages/server/src/peer/peer-frame.ts";
import { bytesOf, Finding, type FuzzTarget, single } from "../src/fuzz-target.ts";
import { cutIntoPieces } from "../support/pieces.ts";
import { changeJson } from "../support/json-changes.ts";

const maxFrameBytes = 64 * 1024;
const hello = encodeHello({ clusterId: "fuzz", node: 3, incarnation: 9, token: "0123456789abcdef", to: 1 });

/** Bytes that cannot be read any further; the connection is closed. */
class PeerFault extends Error {}

function framesOf(pieces: readonly Buffer[]): { frames: string[]; fault: PeerFramingFault | undefined } {
  const deframer = new Deframer(new PeerLayout(maxFrameBytes));
  const frames: string[] = [];
  let fault: PeerFramingFault | undefined;
  for (const piece of pieces) {
    fault = deframer.push(piece, (buffer, start, end) => {
      const payload = payloadOf(buffer, start, end);
      frames.push(`${frameKindAt(buffer, start)}:${payload?.toString("hex") ?? "damaged"}`);
      if (payload === undefined) return;
      const kind = frameKindAt(buffer, start);
      if (kind === FrameKind.Hello || kind === FrameKind.Welcome) decodeHello(payload);
      else if (kind === FrameKind.Refusal) decodeRefusal(payload);
      else if (kind === FrameKind.Data) decodeAnnouncement(payload);
    });
    if (fault !== undefined) break;
  }
  return { frames, fault };
}

/** What a connection between nodes carries, cut anywhere. */
export const peerFrames: FuzzTarget = {
  name: "peer-frames",
  seeds: () => [
    single(
      Buffer.concat([encodeFrame(FrameKind.Hello, hello), encodeFrame(FrameKind.Ping, Buffer.alloc(8, 1))]),
    ),
    single(
      encodeFrame(FrameKind.Refusal, encodeRefusal({ reason: "REMOVED", message: "node 3 was removed" })),
    ),
    single(
      Buffer.concat([
        encodeFrame(FrameKind.Welcome, hello),
        encodeFrame(
          FrameKind.Data,
          encodeAnnouncement([
            { shard: 1, term: 2 ** 40 },
            { shard: 7, term: 3 },
          ]),
        ),
        encodeFrame(FrameKind.Pong, Buffer.alloc(0)),
      ]),
    ),
  ],
  reseal(input) {
    const bytes = Buffer.from(bytesOf(input));
    for (let at = 0; at + frameHeaderBytes <= bytes.length;) {
      const end = at + frameHeaderBytes + bytes.readUInt32LE(at);
      if (end > bytes.length) break;
      bytes.writeUInt32LE(crc32(bytes.subarray(at + frameHeaderBytes, end), bytes[at + 4]), at + 5);
      at = end;
    }
    return single(bytes);
  },
  run(input, random) {
    const bytes = bytesOf(input);
    const whole = framesOf([bytes]);
    const cut = framesOf(cutIntoPieces(bytes, random));
    if (JSON.stringify(whole) !== JSON.stringify(cut)) {
      throw new Finding(`whole: ${JSON.stringify(whole)}, in pieces: ${JSON.stringify(cut)}`);
    }
    if (whole.fault !== undefined) throw new PeerFault(whole.fault.kind);
  },
  isRefusal: (error) => error instanceof PeerFault,
};

/** How a node introduces itself. Nothing is ever thrown: what is no greeting is `undefined`. */
export const peerHello: FuzzTarget = {
  name: "peer-hello",
  seeds: () => [
    single(hello),
    single(encodeHello({ clusterId: "", node: 0, incarnation: 0, token: "", to: 0 })),
    single(encodeRefusal({ reason: "BAD_TOKEN", message: "no" })),
  ],
  vary: (seed, random) => single(Buffer.from(changeJson(bytesOf(seed).toString("utf8"), random))),
  run(input) {
    const bytes = bytesOf(input);
    const read = decodeHello(bytes);
    if (read !== undefined && JSON.stringify(decodeHello(encodeHello(read))) !== JSON.stringify(read)) {
      throw new Finding(`a greeting changes when it is written again: ${JSON.stringify(read)}`);
    }
    decodeRefusal(bytes);
    decodeAnnouncement(bytes);
  },
  isRefusal: () => false,
};
