import { describe, expect, it } from "vitest";
import { ringErrorOf } from "../test/thrown.ts";
import { HashRing } from "./hash-ring.ts";
import { DEFAULT_VIRTUAL_NODES, MAX_MEMBERS, MAX_NAME_LENGTH, MAX_POINTS } from "./limits.ts";
import { hashKey } from "./ring-key.ts";

describe("HashRing", () => {
  it("has 150 virtual nodes a member unless told otherwise", () => {
    expect(new HashRing(["a"]).virtualNodes).toBe(150);
    expect(DEFAULT_VIRTUAL_NODES).toBe(150);
  });

  it("gives every key to the only member", () => {
    const ring = new HashRing(["only"], { virtualNodes: 1 });
    expect(ring.getNode("")).toBe("only");
    expect(ring.getNodeAt(0)).toBe("only");
    expect(ring.getNodeAt(2 ** 32 - 1)).toBe("only");
    expect(ring.ranges()).toEqual([{ first: 0, last: 2 ** 32 - 1, id: "only" }]);
  });

  it("gives a position to the first point at or after it and wraps at the end", () => {
    const ring = new HashRing(["a", "b"], { virtualNodes: 1 });
    const [a, b] = [hashKey("a#0"), hashKey("b#0")];
    expect(a).toBeLessThan(b);
    expect(ring.getNodeAt(a)).toBe("a");
    expect(ring.getNodeAt(a + 1)).toBe("b");
    expect(ring.getNodeAt(b)).toBe("b");
    expect(ring.getNodeAt(b + 1)).toBe("a");
  });

  it("lets the lower id own a position that two members share, whatever the order of insertion", () => {
    // "m8961#0" and "m70373#0" hash alike, found by search. By code point "m70373" comes first.
    const position = hashKey("m8961#0");
    expect(hashKey("m70373#0")).toBe(position);
    for (const ids of [
      ["m8961", "m70373"],
      ["m70373", "m8961"],
    ]) {
      const ring = new HashRing(ids, { virtualNodes: 1 });
      expect(ring.getNodeAt(position)).toBe("m70373");
      expect([...ring.walkFrom(position)]).toEqual(["m70373", "m8961"]);
      expect(ring.ranges()).toEqual([{ first: 0, last: 2 ** 32 - 1, id: "m70373" }]);
      expect(Object.fromEntries(ring.ownership())).toEqual({ m70373: 1, m8961: 0 });
      expect(ring.remove("m70373").getNodeAt(position)).toBe("m8961");
    }
  });

  it("joins the ranges on both sides of a point that a collision hides", () => {
    const ring = new HashRing(["m8961", "m70373"], { virtualNodes: 3 });
    const ranges = ring.ranges();
    for (const [index, range] of ranges.entries()) expect(range.id).not.toBe(ranges[index + 1]?.id);
  });

  it("stays as it was when it is changed", () => {
    const ring = new HashRing(["a", "b"]);
    const before = JSON.stringify(ring);
    ring.add("c");
    ring.remove("a");
    ring.replace({ id: "a", weight: 3 });
    expect(JSON.stringify(ring)).toBe(before);
    expect(Object.isFrozen(ring.members)).toBe(true);
    expect(Object.isFrozen(ring.members[0])).toBe(true);
  });

  it("keeps virtualNodes through changes", () => {
    const ring = new HashRing(["a"], { virtualNodes: 7 })
      .add("b")
      .replace({ id: "b", weight: 2 })
      .remove("a");
    expect(ring.virtualNodes).toBe(7);
    expect(ring.members).toEqual([{ id: "b", weight: 2, zone: undefined }]);
  });

  it("knows its members", () => {
    const ring = new HashRing([{ id: "b", weight: 2, zone: "east" }, "a"]);
    expect(ring.size).toBe(2);
    expect(ring.has("a")).toBe(true);
    expect(ring.has("c")).toBe(false);
    expect(ring.member("b")).toEqual({ id: "b", weight: 2, zone: "east" });
    expect(ring.member("c")).toBeUndefined();
    expect(ring.members.map((member) => member.id)).toEqual(["a", "b"]);
  });

  it("gives a member of the smallest weight one point, not none", () => {
    const ring = new HashRing(["a", { id: "b", weight: Number.MIN_VALUE }]);
    expect(ring.getNodeAt(hashKey("b#0"))).toBe("b");
  });

  it("names members that are integers, prototypes or emoji without confusion", () => {
    const ids = ["1", "__proto__", "constructor", "🔑", "a#1", "a"];
    const ring = new HashRing(ids);
    expect(new Set(ring.getReplicas("k", 6))).toEqual(new Set(ids));
    expect(ring.remove("__proto__").has("__proto__")).toBe(false);
  });
});

describe("getReplicas", () => {
  const zoned = new HashRing([
    { id: "a1", zone: "a" },
    { id: "a2", zone: "a" },
    { id: "a3", zone: "a" },
    { id: "b1", zone: "b" },
    { id: "b2", zone: "b" },
    { id: "b3", zone: "b" },
  ]);

  it("gives as many members as there are when more are asked for", () => {
    expect(new HashRing(["a", "b"]).getReplicas("k", 5)).toHaveLength(2);
    expect(new HashRing(["a", "b"]).getReplicas("k", Number.MAX_SAFE_INTEGER)).toHaveLength(2);
  });

  it("takes one of each zone first, then two of each", () => {
    for (let index = 0; index < 200; index++) {
      const zones = zoned.getReplicas(`key:${index}`, 6).map((id) => id[0]);
      expect(new Set(zones.slice(0, 2)).size).toBe(2);
      expect(zones.slice(0, 4).filter((zone) => zone === "a")).toHaveLength(2);
    }
  });

  it("counts a member without a zone as a zone of its own", () => {
    const ring = new HashRing([{ id: "a1", zone: "a" }, { id: "a2", zone: "a" }, "x", "y"]);
    for (let index = 0; index < 200; index++) {
      const three = ring.getReplicas(`key:${index}`, 3);
      expect(three).toContain("x");
      expect(three).toContain("y");
    }
  });

  it.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])("refuses the count %d", (count) => {
    expect(ringErrorOf(() => zoned.getReplicas("k", count))).toMatchObject({
      code: "INVALID_ARGUMENT",
      field: "count",
    });
  });
});

describe("what a ring refuses", () => {
  it.each([
    ["no members", [], "EMPTY_RING", "members"],
    ["the same id twice", ["a", "b", "a"], "DUPLICATE_MEMBER", "members[2].id"],
    ["an empty id", ["a", ""], "INVALID_MEMBER", "members[1].id"],
    ["an id with a lone surrogate", ["\ud800"], "INVALID_MEMBER", "members[0].id"],
    ["an id that is too long", ["x".repeat(MAX_NAME_LENGTH + 1)], "INVALID_MEMBER", "members[0].id"],
    ["an id that is not a string", [{ id: 7 }], "INVALID_MEMBER", "members[0].id"],
    ["a member that is nothing", [null], "INVALID_MEMBER", "members[0]"],
    ["a member that is a number", [7], "INVALID_MEMBER", "members[0]"],
    ["weight 0", [{ id: "a", weight: 0 }], "INVALID_MEMBER", "members[0].weight"],
    ["a negative weight", [{ id: "a", weight: -1 }], "INVALID_MEMBER", "members[0].weight"],
    ["weight NaN", [{ id: "a", weight: Number.NaN }], "INVALID_MEMBER", "members[0].weight"],
    [
      "an infinite weight",
      [{ id: "a", weight: Number.POSITIVE_INFINITY }],
      "INVALID_MEMBER",
      "members[0].weight",
    ],
    ["a weight in words", [{ id: "a", weight: "2" }], "INVALID_MEMBER", "members[0].weight"],
    ["an empty zone", [{ id: "a", zone: "" }], "INVALID_MEMBER", "members[0].zone"],
    ["a weight with too many points", [{ id: "a", weight: MAX_POINTS }], "LIMIT_EXCEEDED", "virtualNodes"],
  ])("%s", (_, members, code, field) => {
    const error = ringErrorOf(() => Reflect.construct(HashRing, [members]));
    expect(error).toMatchObject({ name: "RingError", code, field });
  });

  it("one member more than the limit", () => {
    const ids = Array.from({ length: MAX_MEMBERS + 1 }, (_, index) => String(index));
    expect(ringErrorOf(() => new HashRing(ids, { virtualNodes: 1 })).code).toBe("LIMIT_EXCEEDED");
    expect(new HashRing(ids.slice(1), { virtualNodes: 1 }).size).toBe(MAX_MEMBERS);
  });

  it.each([0, -1, 1.5, Number.NaN, MAX_POINTS + 1])("%d virtual nodes", (virtualNodes) => {
    expect(ringErrorOf(() => new HashRing(["a"], { virtualNodes }))).toMatchObject({
      code: "INVALID_ARGUMENT",
      field: "virtualNodes",
    });
  });

  it.each([-1, 2 ** 32, 0.5, Number.NaN])("the position %d", (position) => {
    const ring = new HashRing(["a"]);
    expect(ringErrorOf(() => ring.getNodeAt(position)).code).toBe("INVALID_ARGUMENT");
    expect(ringErrorOf(() => ring.walkFrom(position)).code).toBe("INVALID_ARGUMENT");
  });

  it("adding a member that is there", () => {
    expect(ringErrorOf(() => new HashRing(["a"]).add("a")).code).toBe("DUPLICATE_MEMBER");
  });

  it("removing or replacing a member that is not there", () => {
    expect(ringErrorOf(() => new HashRing(["a"]).remove("b"))).toMatchObject({
      code: "UNKNOWN_MEMBER",
      field: "id",
    });
    expect(ringErrorOf(() => new HashRing(["a"]).replace({ id: "b" })).code).toBe("UNKNOWN_MEMBER");
  });

  it("removing the last member", () => {
    expect(ringErrorOf(() => new HashRing(["a"]).remove("a")).code).toBe("EMPTY_RING");
  });
});
