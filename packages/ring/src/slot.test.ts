import { describe, expect, it } from "vitest";
import { ringErrorOf } from "../test/thrown.ts";
import { hashKey } from "./ring-key.ts";
import { positionOfSlot, SLOT_COUNT, slotOf } from "./slot.ts";

/** The slot of a text as a whole, without any rule about tags. */
function plainSlot(text: string): number {
  return Math.floor(hashKey(text) / 2 ** 18);
}

describe("slotOf", () => {
  // The cases of the Redis Cluster specification, and what they leave open.
  it.each([
    ["user:1000", "user:1000"],
    ["{user1000}.following", "user1000"],
    ["{user1000}.followers", "user1000"],
    ["foo{}{bar}", "foo{}{bar}"],
    ["foo{{bar}}zap", "{bar"],
    ["foo{bar}{zap}", "bar"],
    ["foo{bar", "foo{bar"],
    ["foo}bar{", "foo}bar{"],
    ["foo}{bar}", "bar"],
    ["{}", "{}"],
    ["{", "{"],
    ["}", "}"],
    ["", ""],
    ["{a}", "a"],
    ["ключ{тег}", "тег"],
    ["{🔑}door", "🔑"],
  ])("hashes of %j only %j", (key, hashed) => {
    expect(slotOf(key)).toBe(plainSlot(hashed));
    expect(slotOf(new TextEncoder().encode(key))).toBe(plainSlot(hashed));
  });

  it("refuses a lone surrogate outside the tag, inside it, and without one", () => {
    for (const key of ["{a}\ud800", "\ud800{a}", "{\ud800}a", "{}\udc00", "\udc00"]) {
      expect(ringErrorOf(() => slotOf(key)).code).toBe("INVALID_KEY");
    }
  });

  it("refuses what is neither a string nor bytes", () => {
    for (const key of [undefined, null, 7, {}]) {
      expect(ringErrorOf(() => Reflect.apply(slotOf, undefined, [key])).code).toBe("INVALID_KEY");
    }
  });
});

describe("positionOfSlot", () => {
  it("lies in the middle of the slot's positions", () => {
    expect(positionOfSlot(0)).toBe(0x0002_0000);
    expect(positionOfSlot(SLOT_COUNT - 1)).toBe(0xfffe_0000);
  });

  it.each([-1, SLOT_COUNT, 1.5, Number.NaN])("refuses %d", (slot) => {
    expect(ringErrorOf(() => positionOfSlot(slot))).toMatchObject({
      code: "INVALID_ARGUMENT",
      field: "slot",
    });
  });
});
