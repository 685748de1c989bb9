import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { ringErrorOf } from "../test/thrown.ts";
import { hashKey } from "./ring-key.ts";

describe("hashKey", () => {
  it("hashes a view of a larger buffer as its own bytes only", () => {
    const buffer = Buffer.from("..user:1..");
    expect(hashKey(buffer.subarray(2, 8))).toBe(hashKey("user:1"));
  });

  it("takes a Uint8Array made in another realm", () => {
    const foreign: unknown = runInNewContext("Uint8Array.of(117, 115, 101, 114, 58, 49)");
    expect(foreign instanceof Uint8Array).toBe(false);
    expect(Reflect.apply(hashKey, undefined, [foreign])).toBe(hashKey("user:1"));
  });

  it.each([undefined, null, 7, {}, ["a"], new Uint16Array(2), new ArrayBuffer(2)])(
    "refuses %o as a key",
    (key) => {
      const error = ringErrorOf(() => Reflect.apply(hashKey, undefined, [key]));
      expect(error).toMatchObject({ name: "RingError", code: "INVALID_KEY", field: "key" });
    },
  );

  it("refuses a lone surrogate instead of merging different keys", () => {
    expect(ringErrorOf(() => hashKey("user:\ud83d")).code).toBe("INVALID_KEY");
    expect(ringErrorOf(() => hashKey("user:\ud83e")).code).toBe("INVALID_KEY");
  });

  it("tells the composed and the decomposed form of a letter apart", () => {
    expect(hashKey("é")).not.toBe(hashKey("e\u0301"));
  });
});
