import { expect, test } from "vitest";
import { parseInitialNode } from "./initial-node.ts";

test("a founding member is an id and two addresses, with a zone and a weight if need be", () => {
  expect(parseInitialNode("1@10.0.0.1:4100/10.0.0.1:4200")).toEqual({
    id: 1,
    address: "10.0.0.1:4100",
    peerAddress: "10.0.0.1:4200",
    zone: "default",
    weight: 1,
  });
  expect(parseInitialNode("22@[::1]:4100/db.example:4200?zone=a&weight=2.5")).toEqual({
    id: 22,
    address: "[::1]:4100",
    peerAddress: "db.example:4200",
    zone: "a",
    weight: 2.5,
  });
});

test.each([
  "",
  "1",
  "0@a:1/a:2",
  "1@a:1",
  "1@a/a:2",
  "1@a:0/a:2",
  "1@a:1/a:2?color=red",
  "1@a:1/a:2?zone=",
  "x@a:1/a:2",
  "1@a:1/a:2 ",
])("%j is none, and the error says what one looks like", (entry) => {
  expect(() => parseInitialNode(entry)).toThrow("id@client-host:port/peer-host:port");
});
