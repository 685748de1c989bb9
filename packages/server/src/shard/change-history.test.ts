import { expect, test } from "vitest";
import { type Change, ChangeHistory } from "./change-history.ts";

function change(revision: number, bytes = 1): Change {
  return { kind: "put", key: new Uint8Array(bytes), value: undefined, revision };
}

function changes(first: number, last: number): Change[] {
  return Array.from({ length: last - first + 1 }, (_, index) => change(first + index));
}

test("gives what came after a revision, in order and in pieces", () => {
  const history = new ChangeHistory(10);
  history.publish(changes(11, 15));
  expect(history.since(10, 2)!.map(({ revision }) => revision)).toEqual([11, 12]);
  expect(history.since(13, 10)!.map(({ revision }) => revision)).toEqual([14, 15]);
  expect(history.since(15, 10)).toEqual([]);
});

test("says so when a part is gone, or is not there yet", () => {
  const history = new ChangeHistory(10, { maxChanges: 3, maxBytes: 100 });
  expect(history.since(9, 1)).toBeUndefined();
  expect(history.since(11, 1)).toBeUndefined();
  for (let revision = 11; revision <= 40; revision += 1) history.publish([change(revision)]);
  expect(history.since(36, 10)).toBeUndefined();
  expect(history.since(37, 10)!.map(({ revision }) => revision)).toEqual([38, 39, 40]);
});

test("keeps no more bytes than it may", () => {
  const history = new ChangeHistory(0, { maxChanges: 1000, maxBytes: 100 });
  history.publish([change(1, 60), change(2, 60)]);
  expect(history.since(0, 10)).toBeUndefined();
  expect(history.since(1, 10)).toHaveLength(1);
});

test("wakes those who wait, and begins anew when the state is replaced", async () => {
  const history = new ChangeHistory(0);
  const woken = history.changed(new AbortController().signal);
  history.publish([change(1)]);
  await woken;
  history.restart(50);
  expect(history.since(1, 1)).toBeUndefined();
  expect(history.since(50, 1)).toEqual([]);
});
