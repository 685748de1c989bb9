import { beforeEach, describe, expect, test } from "vitest";
import { type Entry, EntryType } from "../core/entry.ts";
import { RaftError } from "../core/raft-error.ts";
import { type Proposal, ProposalBook } from "./proposal-book.ts";

let book: ProposalBook<string>;
let answers: string[];

beforeEach(() => {
  answers = [];
  book = new ProposalBook<string>({ group: 1, settled: () => undefined });
});

/** Proposes commands with a name; the answer is noted under it. */
function propose(name: string, commands = 1): Proposal<string> {
  const proposal: Proposal<string> = {
    commands: Array.from({ length: commands }, () => new Uint8Array(1)),
    bytes: commands,
    startedMs: 0,
    index: 0,
    term: 0,
    results: undefined,
    resolve: (results) => {
      answers.push(`${name}: ${results.join(" ")}`);
    },
    reject: (error) => {
      answers.push(`${name}: ${error.code}`);
    },
  };
  book.stage(proposal);
  book.takeStaged();
  return proposal;
}

function apply(first: number, ...terms: number[]): void {
  const entries: Entry[] = terms.map((term, at) => ({
    type: EntryType.Normal,
    term,
    index: first + at,
    data: new Uint8Array(0),
  }));
  book.applied(
    entries,
    entries.map(({ index }) => `r${index}`),
  );
}

describe("a command", () => {
  test("is answered with what its entry returned", () => {
    book.appended([propose("a"), propose("b", 2), propose("c")], 5, 2);
    apply(4, 2, 2, 2);
    expect(answers).toEqual(["a: r5"]);
    apply(7, 2, 2);
    expect(answers).toEqual(["a: r5", "b: r6 r7", "c: r8"]);
    expect(book.pending).toBe(0);
  });

  test("is dropped when an entry of another term is applied in its place", () => {
    book.appended([propose("a"), propose("b")], 5, 2);
    apply(5, 2, 3);
    expect(answers).toEqual(["a: r5", "b: DROPPED"]);
  });

  test("is answered although leadership was lost, if its entry is committed by the next leader", () => {
    book.appended([propose("a"), propose("b")], 5, 2);
    book.leadershipLost(100);
    apply(5, 2, 3);
    expect(answers).toEqual(["a: r5", "b: DROPPED"]);
    book.expire(1000, 10_000);
    expect(answers.length).toBe(2);
  });

  test("is unknown when leadership was lost and nothing is heard of it", () => {
    book.appended([propose("a")], 5, 2);
    book.leadershipLost(100);
    book.expire(99, 10_000);
    expect(answers).toEqual([]);
    book.expire(100, 10_000);
    expect(answers).toEqual(["a: UNKNOWN"]);
  });

  test("of an earlier term does not hold up those of a later one at the same index", () => {
    book.appended([propose("old 5"), propose("old 6")], 5, 2);
    book.leadershipLost(100);
    book.appended([propose("new 5"), propose("new 6")], 5, 4);
    apply(5, 4);
    expect(answers).toEqual(["old 5: DROPPED", "new 5: r5"]);
    apply(6, 4);
    expect(answers.slice(2)).toEqual(["old 6: DROPPED", "new 6: r6"]);
  });

  test("that lost its place to the same replica's own later term may still win: nothing is said before it is applied", () => {
    book.appended([propose("old")], 5, 2);
    book.appended([propose("new")], 5, 4);
    expect(answers).toEqual([]);
    apply(5, 2);
    expect(answers).toEqual(["old: r5", "new: DROPPED"]);
  });

  test("is unknown after the timeout, and when a snapshot takes the place of its entry", () => {
    book.appended([propose("a"), propose("b"), propose("c")], 5, 2);
    book.skippedTo(5);
    expect(answers).toEqual(["a: UNKNOWN"]);
    apply(6, 2);
    book.expire(10_000, 10_000);
    expect(answers).toEqual(["a: UNKNOWN", "b: r6", "c: UNKNOWN"]);
  });
});

test("commands that were handed over together and applied in part are unknown", () => {
  book.appended([propose("a", 3)], 5, 2);
  apply(5, 2);
  apply(6, 3);
  expect(answers).toEqual(["a: UNKNOWN"]);
});

test("a stop drops what is staged and leaves open what is under way", () => {
  book.appended([propose("a")], 5, 2);
  book.stage({ ...propose("b"), commands: [new Uint8Array(1)] });
  book.fail(new RaftError("CLOSED", "closed"));
  expect(answers.toSorted()).toEqual(["a: UNKNOWN", "b: CLOSED"]);
});
