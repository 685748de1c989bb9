import fc from "fast-check";
import { expect, test } from "vitest";
import { FramingError, MessageDeframer } from "./message-deframer.ts";

function framed(messages: readonly Uint8Array[]): Buffer {
  return Buffer.concat(
    messages.flatMap((message) => {
      const prefix = Buffer.alloc(5);
      prefix.writeUInt32BE(message.length, 1);
      return [prefix, message];
    }),
  );
}

test("messages come out whole and in order, however the bytes are cut", () => {
  const messages = fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 20 });
  const cuts = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 50 });
  fc.assert(
    fc.property(messages, cuts, (sent, sizes) => {
      const received: Uint8Array[] = [];
      const deframer = new MessageDeframer(1000, (buffer, start, end) => {
        received.push(new Uint8Array(buffer.subarray(start, end)));
      });
      const bytes = framed(sent);
      for (let position = 0, turn = 0; position < bytes.length; turn += 1) {
        const size = sizes[turn % sizes.length]!;
        deframer.push(bytes.subarray(position, position + size));
        position += size;
      }
      expect(received).toEqual(sent);
    }),
  );
});

function freshDeframer(): MessageDeframer {
  return new MessageDeframer(100, () => undefined);
}

test("a message that is too large, compressed, or no message is refused before it is kept", () => {
  expect(() => freshDeframer().push(framed([new Uint8Array(101)]))).toThrow(FramingError);
  expect(() => freshDeframer().push(Buffer.from([1, 0, 0, 0, 0]))).toThrow(/flag 1/);
  expect(() => freshDeframer().push(Buffer.from("<html>"))).toThrow(FramingError);
  const halved = freshDeframer();
  halved.push(Buffer.from([0, 0xff]));
  expect(() => halved.push(Buffer.from([0xff, 0xff, 0xff, 0]))).toThrow(/larger/);
});
