import { describe, expect, test } from "vitest";
import { letterOf, parseCut, parseNode, parseNodes } from "./node-names.ts";

const five = [1, 2, 3, 4, 5];

test("nodes have numbers and letters", () => {
  expect([letterOf(1), letterOf(5)]).toEqual(["A", "E"]);
  expect(["2", "b", "B", " B "].map((name) => parseNode(name, five))).toEqual([2, 2, 2, 2]);
  expect(parseNodes(["1,2", "C", "1"], five)).toEqual([1, 2, 3]);
});

test.each(["0", "6", "F", "", "1.5", "AB", "-1", "١"])(
  "%j is no node, and the error lists those there are",
  (name) => {
    expect(() => parseNode(name, five)).toThrow("there is no node");
  },
);

describe("a partition", () => {
  test.each([
    [["A,B,C|D,E"]],
    [["[A,B,C] | [D,E]"]],
    [["[A,B,C]", "|", "[D,E]"]],
    [["1,2,3", "4,5"]],
    [["A B C | D E"]],
  ])("is read from %j", (words) => {
    expect(parseCut(words, five)).toEqual({
      type: "groups",
      groups: [
        [1, 2, 3],
        [4, 5],
      ],
    });
  });

  test("may name one side only, or have three, or one direction", () => {
    expect(parseCut(["2"], five)).toEqual({ type: "groups", groups: [[2]] });
    expect(parseCut(["A|B|C"], five)).toEqual({ type: "groups", groups: [[1], [2], [3]] });
    expect(parseCut(["A>B,C"], five)).toEqual({ type: "oneWay", from: [1], to: [2, 3] });
    expect(parseCut(["A", ">", "B"], five)).toEqual({ type: "oneWay", from: [1], to: [2] });
  });

  test.each([["A,B|B,C"], ["A,B,C,D,E"], ["A>B>C"], ["A>B|C"], ["|"], ["A|"], ["X|A"]])(
    "cannot be %j",
    (text) => {
      expect(() => parseCut([text], five)).toThrow(/side|no node|at least one/);
    },
  );
});
