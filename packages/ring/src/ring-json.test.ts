import { describe, expect, it } from "vitest";
import { ringErrorOf } from "../test/thrown.ts";
import { HashRing } from "./hash-ring.ts";

const good = {
  version: 1,
  hash: "murmur3_x86_32",
  virtualNodes: 150,
  members: [
    { id: "a", weight: 1 },
    { id: "b", weight: 2, zone: "east" },
  ],
};

describe("a ring's JSON", () => {
  it("is this, to the letter", () => {
    expect(JSON.stringify(new HashRing([{ id: "b", weight: 2, zone: "east" }, "a"]))).toBe(
      JSON.stringify(good),
    );
  });

  it("is read whatever the order of the members", () => {
    const ring = HashRing.fromJSON({ ...good, members: good.members.toReversed() });
    expect(ring.toJSON()).toEqual(good);
  });

  it.each([
    ["nothing", undefined, "ring"],
    ["null", null, "ring"],
    ["text", JSON.stringify(good), "ring"],
    ["an array", [good], "ring"],
    ["no version", { ...good, version: undefined }, "ring.version"],
    ["a later version", { ...good, version: 2 }, "ring.version"],
    ["a version in words", { ...good, version: "1" }, "ring.version"],
    ["another hash", { ...good, hash: "xxh32" }, "ring.hash"],
    ["an unknown field", { ...good, replicas: 3 }, "ring.replicas"],
    ["virtualNodes of 0", { ...good, virtualNodes: 0 }, "ring.virtualNodes"],
    ["virtualNodes in words", { ...good, virtualNodes: "150" }, "ring.virtualNodes"],
    ["members that are an object", { ...good, members: { a: 1 } }, "ring.members"],
    ["no members", { ...good, members: [] }, "ring.members"],
    ["a member that is a string", { ...good, members: ["a"] }, "ring.members[0]"],
    ["a member without id", { ...good, members: [{ weight: 1 }] }, "ring.members[0].id"],
    ["a member without weight", { ...good, members: [{ id: "a" }] }, "ring.members[0].weight"],
    ["an id that is a number", { ...good, members: [{ id: 1, weight: 1 }] }, "ring.members[0].id"],
    ["a weight that is null", { ...good, members: [{ id: "a", weight: null }] }, "ring.members[0].weight"],
    ["a weight of 0", { ...good, members: [{ id: "a", weight: 0 }] }, "ring.members[0].weight"],
    [
      "a zone that is null",
      { ...good, members: [{ id: "a", weight: 1, zone: null }] },
      "ring.members[0].zone",
    ],
    [
      "a member with an unknown field",
      { ...good, members: [{ id: "a", weight: 1, host: "h" }] },
      "ring.members[0].host",
    ],
    ["a member twice", { ...good, members: [good.members[0], good.members[0]] }, "ring.members[1].id"],
  ])("is refused when it is or has %s, naming the field", (_, value, field) => {
    expect(ringErrorOf(() => HashRing.fromJSON(value))).toMatchObject({ code: "MALFORMED", field });
  });

  it("says that a field is missing when it is", () => {
    const { hash: _, ...withoutHash } = good;
    expect(ringErrorOf(() => HashRing.fromJSON(withoutHash)).message).toBe("ring.hash is missing.");
  });
});
