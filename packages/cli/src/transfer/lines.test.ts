import { describe, expect, test } from "vitest";
import { type Line, linesOf } from "./lines.ts";

async function* inPieces(text: string | Buffer, pieceBytes: number): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text);
  for (let start = 0; start < bytes.length; start += pieceBytes) {
    yield bytes.subarray(start, start + pieceBytes);
  }
}

async function collect(text: string, pieceBytes: number, maxLineBytes = 100): Promise<Line[]> {
  const lines: Line[] = [];
  for await (const line of linesOf(inPieces(text, pieceBytes), maxLineBytes)) lines.push(line);
  return lines;
}

describe("lines of a stream", () => {
  const text = "one\r\ntwo\n\nfour é\nlast";

  test.each([1, 2, 3, 7, 1000])("are the same in pieces of %i bytes", async (pieceBytes) => {
    const lines = await collect(text, pieceBytes);
    expect(lines.map(({ bytes }) => bytes?.toString())).toEqual(["one", "two", "", "four é", "last"]);
    expect(lines.map(({ number }) => number)).toEqual([1, 2, 3, 4, 5]);
    expect(lines.at(-1)?.bytesRead).toBe(Buffer.byteLength(text));
  });

  test.each([1, 5, 1000])("that are too long are passed over, in pieces of %i bytes", async (pieceBytes) => {
    const lines = await collect(`short\n${"x".repeat(101)}\n${"y".repeat(100)}\nend\n`, pieceBytes);
    expect(lines.map(({ bytes }) => bytes?.length)).toEqual([5, undefined, 100, 3]);
  });

  test("of an empty stream are none, and a last line feed begins no other line", async () => {
    expect(await collect("", 1)).toEqual([]);
    expect((await collect("a\n", 1)).length).toBe(1);
  });
});
