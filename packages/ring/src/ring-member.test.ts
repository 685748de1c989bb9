import { describe, expect, it } from "vitest";
import { canonicalMembers } from "./ring-member.ts";

describe("canonicalMembers", () => {
  it("orders by code point of the id, not by UTF-16 unit and not by length", () => {
    const ids = ["\u{10000}", "node-10", "\uffff", "node-2", "Node"];
    expect(canonicalMembers(ids).map((member) => member.id)).toEqual([
      "Node",
      "node-10",
      "node-2",
      "\uffff",
      "\u{10000}",
    ]);
  });

  it("fills in the defaults and leaves its input alone", () => {
    const input = Object.freeze({ id: "a" });
    expect(canonicalMembers([input, { id: "b", weight: undefined, zone: undefined }])).toEqual([
      { id: "a", weight: 1, zone: undefined },
      { id: "b", weight: 1, zone: undefined },
    ]);
  });

  it("keeps nothing but id, weight and zone", () => {
    const member = { id: "a", weight: 2, zone: "east", host: "example.org" };
    expect(canonicalMembers([member])).toEqual([{ id: "a", weight: 2, zone: "east" }]);
  });

  it("reads any iterable, once", () => {
    expect(canonicalMembers(new Set(["b", "a"])).map((member) => member.id)).toEqual(["a", "b"]);
  });
});
