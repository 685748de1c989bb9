import { checkLinearizability, type Operation } from "@titan-kv/raft/testing";
import { expect, test } from "vitest";
import { type ObjectInput, objectModel, type ObjectOutput } from "./object-model.ts";

type Recorded = Operation<ObjectInput, ObjectOutput>;

let moment = 0;

/** One operation after the other. */
function done(input: ObjectInput, output: ObjectOutput): Recorded {
  moment += 2;
  return { client: 1, input, call: moment, result: { output, return: moment + 1 } };
}

/** One of unknown outcome. */
function unknown(input: ObjectInput): Recorded {
  moment += 2;
  return { client: 2, input, call: moment };
}

function put(value: string, revision: number, existed: boolean): Recorded {
  return done({ type: "put", cell: "a", value }, { type: "written", revision, existed });
}

function read(value: string | undefined, revision: number): Recorded {
  return done({ type: "read", cell: "a" }, { type: "read", reading: { value, revision } });
}

function verdictOf(...history: Recorded[]): string {
  return checkLinearizability(objectModel, history).status;
}

test("a history in which every read sees the last write is linearizable", () => {
  expect(
    verdictOf(read(undefined, 0), put("x", 3, false), read("x", 3), put("y", 7, true), read("y", 7)),
  ).toBe("linearizable");
});

test("a read of an older value, of a wrong revision, or of nothing after a write is a violation", () => {
  expect(verdictOf(put("x", 3, false), put("y", 7, true), read("x", 3))).toBe("violation");
  expect(verdictOf(put("x", 3, false), read("x", 4))).toBe("violation");
  expect(verdictOf(put("x", 3, false), read(undefined, 0))).toBe("violation");
});

test("a write that did not know of the one before it, or whose revision went back, is a violation", () => {
  expect(verdictOf(put("x", 3, false), put("y", 7, false))).toBe("violation");
  expect(verdictOf(put("x", 7, false), put("y", 3, true))).toBe("violation");
});

test("a write of unknown outcome may happen later, once, or never", () => {
  const lost = unknown({ type: "put", cell: "a", value: "x" });
  expect(verdictOf(lost, put("y", 3, false), read("y", 3))).toBe("linearizable");
  expect(verdictOf(lost, put("y", 3, false), read("x", 4))).toBe("linearizable");
  expect(verdictOf(lost, put("y", 3, false), read("x", 4), put("z", 5, true), read("x", 6))).toBe(
    "violation",
  );
});

test("a transaction changes both registers at once or none", () => {
  const values = { a: "x", b: "y" };
  const txn: ObjectInput = { type: "txn", cell: "a", expected: undefined, values };
  const applied = done(txn, { type: "txn", succeeded: true, revisions: { a: 1, b: 2 } });
  const readB = done(
    { type: "read", cell: "b" },
    { type: "read", reading: { value: undefined, revision: 0 } },
  );
  expect(verdictOf(applied, readB)).toBe("violation");
  expect(verdictOf(applied, read("x", 1))).toBe("linearizable");
});
