import { describe, expect, it } from "vitest";
import { jsonCodec, textCodec } from "./codec.ts";

describe("codecs", () => {
  it("refuse what they cannot store", () => {
    expect(() => textCodec.encode(5 as unknown as string)).toThrow(TypeError);
    expect(() => jsonCodec<unknown>().encode(undefined)).toThrow(/no JSON form/);
    const circular: Record<string, unknown> = {};
    circular["self"] = circular;
    expect(() => jsonCodec<unknown>().encode(circular)).toThrow(TypeError);
  });

  it("keep a byte order mark, and refuse bytes that are not text", () => {
    expect(textCodec.decode(Uint8Array.of(0xef, 0xbb, 0xbf, 0x61))).toBe("\ufeffa");
    expect(() => textCodec.decode(Uint8Array.of(0xc3))).toThrow(TypeError);
    expect(() => jsonCodec().decode(new TextEncoder().encode("{"))).toThrow(SyntaxError);
  });
});
