import { PassThrough } from "node:stream";
import fc from "fast-check";
import { expect, test } from "vitest";
import { Deframer } from "../http/deframer.ts";
import { FrameQueue } from "./frame-queue.ts";
import { decodeHello, decodeRefusal, encodeHello, encodeRefusal } from "./hello.ts";
import {
  channelCount,
  encodeFrame,
  frameHeaderBytes,
  FrameKind,
  frameKindAt,
  payloadOf,
  PeerLayout,
} from "./peer-frame.ts";

const maxFrameBytes = 200_000;

/** What a receiver makes of bytes that arrive in pieces of some size. */
function receive(
  bytes: Buffer,
  pieceBytes: number,
): { readonly payloads: Buffer[]; readonly kinds: number[]; readonly fault?: string } {
  const deframer = new Deframer(new PeerLayout(maxFrameBytes));
  const payloads: Buffer[] = [];
  const kinds: number[] = [];
  let fault: string | undefined;
  for (let position = 0; position < bytes.length && fault === undefined; position += pieceBytes) {
    const piece = bytes.subarray(position, position + pieceBytes);
    const framing = deframer.push(piece, (buffer, start, end) => {
      const payload = payloadOf(buffer, start, end);
      if (payload === undefined) fault ??= "checksum";
      else if (fault === undefined) {
        payloads.push(payload);
        kinds.push(frameKindAt(buffer, start));
      }
    });
    fault ??= framing?.kind;
  }
  return fault === undefined ? { payloads, kinds } : { payloads, kinds, fault };
}

test("what a queue writes, a receiver reads, however it is cut and however often it is written", () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.nat(100), fc.nat(40_000)), { maxLength: 40 }),
      fc.integer({ min: 1, max: 70_000 }),
      fc.nat(10),
      (sizes, pieceBytes, writeEvery) => {
        const queue = new FrameQueue(Number.POSITIVE_INFINITY);
        const socket = new PassThrough({ highWaterMark: 1 << 30 });
        const frames = sizes.map((size, index) => Buffer.alloc(size, index + 1));
        let written = 0;
        for (const [index, frame] of frames.entries()) {
          expect(queue.add(frame, index % channelCount)).toBe(true);
          if (writeEvery > 0 && index % writeEvery === 0) written += queue.writeTo(socket);
        }
        // A PassThrough hands everything on at once, so nothing waits for a "drain" here.
        for (let turn = 0; queue.bytes > 0 && turn < frames.length; turn += 1)
          written += queue.writeTo(socket);
        expect(written).toBe(frames.length);
        const bytes = (socket.read() as Buffer | null) ?? Buffer.alloc(0);
        const { payloads, kinds, fault } = receive(bytes, pieceBytes);
        expect(fault).toBeUndefined();
        expect(payloads.map((payload) => payload.toString("hex"))).toEqual(
          frames.map((frame) => frame.toString("hex")),
        );
        expect(kinds).toEqual(frames.map((_, index) => FrameKind.Data + (index % channelCount)));
      },
    ),
    { numRuns: 60 },
  );
});

test("a queue takes no more than its bytes, and counts what it drops", () => {
  const queue = new FrameQueue(3 * (frameHeaderBytes + 10));
  const taken = Array.from({ length: 5 }, () => queue.add(Buffer.alloc(10)));
  expect(taken).toEqual([true, true, true, false, false]);
  expect(queue.clear()).toBe(3);
  expect(queue.bytes).toBe(0);
  expect(queue.add(Buffer.alloc(10))).toBe(true);
});

test("a frame with any one bit changed is never delivered as it is not", () => {
  const payload = Buffer.from("the quick brown fox");
  const frame = encodeFrame(FrameKind.Data, payload);
  for (let bit = 0; bit < frame.length * 8; bit += 1) {
    const damaged = Buffer.from(frame);
    damaged[bit >> 3]! ^= 1 << (bit & 7);
    const { payloads } = receive(damaged, frame.length);
    // A changed kind is caught by the checksum, too: it is part of what is summed.
    expect(payloads).toEqual([]);
  }
});

test("arbitrary bytes are frames or a fault, never an exception", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.integer({ min: 1, max: 50 }), (bytes, pieceBytes) => {
      const inPieces = receive(Buffer.from(bytes), pieceBytes);
      const atOnce = receive(Buffer.from(bytes), bytes.length + 1);
      expect(inPieces).toEqual(atOnce);
    }),
  );
});

test("greetings and refusals survive their encoding; anything else is no greeting and an unspecific refusal", () => {
  const hello = { clusterId: "ä", node: 1, incarnation: 2 ** 50, token: "t", to: 9 };
  expect(decodeHello(encodeHello(hello))).toEqual(hello);
  const refusal = { reason: "REMOVED", message: "on Monday" } as const;
  expect(decodeRefusal(encodeRefusal(refusal))).toEqual(refusal);
  fc.assert(
    fc.property(fc.oneof(fc.json(), fc.string()), (text) => {
      expect(decodeHello(Buffer.from(text))).toBeUndefined();
      expect(decodeRefusal(Buffer.from(text)).reason).toBe("NOT_READY");
    }),
  );
  for (const wrong of [{ node: -1 }, { node: 1.5 }, { incarnation: "1" }, { token: 5 }, { to: null }]) {
    expect(decodeHello(Buffer.from(JSON.stringify({ ...hello, ...wrong })))).toBeUndefined();
  }
});

test("a frame's kind is where the reader looks for it", () => {
  expect(frameKindAt(encodeFrame(FrameKind.Refusal, Buffer.alloc(0)), 0)).toBe(FrameKind.Refusal);
});
