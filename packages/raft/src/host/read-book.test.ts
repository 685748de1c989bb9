import { describe, expect, test } from "vitest";
import type { RaftError } from "../core/raft-error.ts";
import { ReadBook } from "./read-book.ts";

const times = { retryMs: 100, timeoutMs: 1000 };

describe("a read", () => {
  test("that is confirmed waits for the state machine, and not longer than any other", () => {
    const book = new ReadBook(1);
    const answers: (number | RaftError)[] = [];
    const stage = (startedMs: number): void => {
      book.stage({
        startedMs,
        resolve: (index) => answers.push(index),
        reject: (error) => answers.push(error),
      });
    };
    stage(0);
    stage(500);
    book.ask(500, () => ({ status: "accepted", ticket: 7 }));
    book.confirmed(7, 10);
    book.release(9, () => undefined);
    expect(book.expire(999, times, 2)).toBe(0);
    expect(answers).toEqual([]);
    expect(book.expire(1000, times, 2)).toBe(1);
    expect(answers).toMatchObject([{ code: "DROPPED" }]);
    expect(book.pending).toBe(1);
    book.release(10, () => undefined);
    expect(answers.slice(1)).toEqual([10]);
    expect(book.pending).toBe(0);
  });
});
