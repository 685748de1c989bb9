import fc from "fast-check";
import { expect, test } from "vitest";
import { Deframer } from "./deframer.ts";
import { grpcLayout, grpcPrefixBytes } from "./grpc-framing.ts";

const maxMessageBytes = 100;

function framed(message: Uint8Array): Buffer {
  const frame = Buffer.alloc(grpcPrefixBytes + message.length);
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, grpcPrefixBytes);
  return frame;
}

function* cut(bytes: Buffer, sizes: readonly number[]): Iterable<Buffer> {
  let position = 0;
  for (let turn = 0; position < bytes.length; turn += 1) {
    const size = sizes[turn % sizes.length] ?? 1;
    yield bytes.subarray(position, position + size);
    position += size;
  }
}

/** What comes out of the chunks, and how it ends. */
function outcome(chunks: Iterable<Buffer>): unknown {
  const deframer = new Deframer(grpcLayout(maxMessageBytes));
  const seen: string[] = [];
  for (const chunk of chunks) {
    const fault = deframer.push(chunk, (buffer, start, end) => {
      seen.push(buffer.toString("hex", start + grpcPrefixBytes, end));
    });
    if (fault !== undefined) return { seen, fault };
  }
  return { seen, atBoundary: deframer.atBoundary };
}

test("whatever the cuts, the same messages come out", () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: maxMessageBytes })),
      fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }),
      (messages, sizes) => {
        const deframer = new Deframer(grpcLayout(maxMessageBytes));
        const seen: Uint8Array[] = [];
        for (const chunk of cut(Buffer.concat(messages.map(framed)), sizes)) {
          const fault = deframer.push(chunk, (buffer, start, end) => {
            seen.push(new Uint8Array(buffer.subarray(start + grpcPrefixBytes, end)));
          });
          expect(fault).toBeUndefined();
        }
        expect(seen).toEqual(messages);
        expect(deframer.atBoundary).toBe(true);
      },
    ),
  );
});

test("arbitrary bytes are messages or a fault, never an exception, and cuts do not change which", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 300 }),
      fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 }),
      (bytes, sizes) => {
        expect(outcome(cut(Buffer.from(bytes), sizes))).toEqual(outcome([Buffer.from(bytes)]));
      },
    ),
  );
});
