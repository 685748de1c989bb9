import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Random } from "../simulation/random.ts";
import { checkLinearizability, checkPartitioned } from "./check.ts";
import type { Operation } from "./operation.ts";
import { type RegisterInput, registerModel, type RegisterOutput } from "./register-model.ts";

type RegisterOperation = Operation<RegisterInput, RegisterOutput>;

function write(value: string, call: number, end?: number): RegisterOperation {
  const operation = { client: 1, input: { type: "write", value } as const, call };
  return end === undefined ? operation : { ...operation, result: { output: true, return: end } };
}

function read(value: string, call: number, end: number): RegisterOperation {
  return { client: 2, input: { type: "read" }, call, result: { output: value, return: end } };
}

function swap(expected: string, value: string, output: boolean, span: [number, number]): RegisterOperation {
  const input = { type: "compareAndSet", expected, value } as const;
  return { client: 3, input, call: span[0], result: { output, return: span[1] } };
}

function status(history: readonly RegisterOperation[]): string {
  return checkLinearizability(registerModel, history).status;
}

/** Looks at every order: the definition, for histories so small that this is possible. */
function isLinearizable(rest: readonly RegisterOperation[], state: string): boolean {
  if (rest.every((operation) => operation.result === undefined)) return true;
  return rest.some((operation, position) => {
    if (rest.some((other) => (other.result?.return ?? Infinity) < operation.call)) return false;
    const after = registerModel.step(state, operation.input, operation.result?.output);
    return after !== undefined && isLinearizable(rest.toSpliced(position, 1), after.state);
  });
}

/** A history that is linearizable by construction: each operation takes effect at some moment within its span. */
function generate(random: Random, count: number, clients: number): RegisterOperation[] {
  const free = Array.from({ length: clients }, () => 0);
  const planned: { moment: number; call: number; end: number; client: number }[] = [];
  for (let number = 0; number < count; number += 1) {
    const client = number % clients;
    const call = (free[client] ?? 0) + random.fraction();
    const moment = call + random.fraction();
    const end = moment + random.fraction();
    free[client] = end;
    planned.push({ moment, call, end, client });
  }
  let state = "";
  const history: RegisterOperation[] = [];
  for (const { moment, call, end, client } of planned.toSorted((left, right) => left.moment - right.moment)) {
    const unknown = random.chance(0.001);
    if (random.chance(0.5)) {
      history.push({ client, input: { type: "read" }, call, result: { output: state, return: end } });
    } else {
      const value = `v${moment.toFixed(6)}`;
      const happens = !unknown || random.chance(0.5);
      if (happens) state = value;
      const operation: RegisterOperation = { client, input: { type: "write", value }, call };
      history.push(unknown ? operation : { ...operation, result: { output: true, return: end } });
    }
  }
  return history;
}

describe("linearizability", () => {
  it("what happens one after the other must agree with the model", () => {
    expect(status([write("a", 1, 2), read("a", 3, 4), write("b", 5, 6), read("b", 7, 8)])).toBe(
      "linearizable",
    );
    expect(status([write("a", 1, 2), write("b", 3, 4), read("a", 5, 6)])).toBe("violation");
    expect(status([read("a", 1, 2), write("a", 3, 4)])).toBe("violation");
  });

  it("what happens at the same time may take effect in any order, but for everybody in the same", () => {
    expect(status([write("a", 1, 10), read("", 2, 3), read("a", 4, 5)])).toBe("linearizable");
    expect(status([write("a", 1, 10), read("a", 2, 3), read("", 4, 5)])).toBe("violation");
    expect(status([write("a", 1, 10), write("b", 2, 9), read("a", 11, 12), read("b", 13, 14)])).toBe(
      "violation",
    );
  });

  it("an operation of unknown outcome may have happened at any later time, or never", () => {
    expect(status([write("a", 1), read("", 2, 3), read("a", 4, 5)])).toBe("linearizable");
    expect(status([write("a", 1), read("", 2, 3)])).toBe("linearizable");
    expect(status([read("a", 1, 2), write("a", 3)])).toBe("violation");
    expect(status([write("a", 1), read("a", 2, 3), write("b", 4, 5), read("a", 6, 7)])).toBe("violation");
  });

  it("comparing and setting tells what was there", () => {
    expect(status([write("a", 1, 2), swap("a", "b", true, [3, 4]), read("b", 5, 6)])).toBe("linearizable");
    expect(status([write("a", 1, 2), swap("x", "b", true, [3, 4])])).toBe("violation");
    expect(status([write("a", 1, 2), swap("a", "b", true, [3, 6]), swap("a", "c", true, [4, 7])])).toBe(
      "violation",
    );
  });

  it("a violation is reported with what fits and what does not", () => {
    const verdict = checkLinearizability(registerModel, [
      write("a", 1, 2),
      write("b", 3, 4),
      read("a", 5, 6),
    ]);
    expect(verdict).toEqual({
      status: "violation",
      report: [
        "no order of the operations agrees with time and with the answers.",
        "The longest order that does has 2 operations and ends with:",
        "  [1, 2] client 1: write a",
        "  [3, 4] client 1: write b",
        "Then the state is b, and none of these fits:",
        "  [5, 6] client 2: read → a",
      ].join("\n"),
    });
  });

  it("agrees with the definition on every small history", () => {
    const operation = fc.record({
      type: fc.constantFrom("read", "write", "compareAndSet"),
      value: fc.constantFrom("a", "b"),
      expected: fc.constantFrom("", "a", "b"),
      moments: fc.tuple(fc.nat(12), fc.nat(12)),
      known: fc.boolean(),
      answer: fc.boolean(),
    });
    let violations = 0;
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 6 }), (drawn) => {
        const history = drawn.map(
          ({ type, value, expected, moments, known, answer }, client): RegisterOperation => {
            // Moments must differ: the client's number makes them so.
            const [first, second] = [
              Math.min(...moments) * 10 + client,
              Math.max(...moments) * 10 + client + 120,
            ];
            const input: RegisterInput =
              type === "read" ? { type } : type === "write" ? { type, value } : { type, value, expected };
            const output = type === "read" ? expected : type === "write" ? true : answer;
            const end = second - 120 > first ? second - 120 : first + 0.5;
            return { client, input, call: first, ...(known ? { result: { output, return: end } } : {}) };
          },
        );
        const expectation = isLinearizable(history, "") ? "linearizable" : "violation";
        if (expectation === "violation") violations += 1;
        expect(status(history)).toBe(expectation);
      }),
      { numRuns: 3000 },
    );
    expect(violations).toBeGreaterThan(100);
  });

  it("100,000 operations on one register, and on a thousand, are decided", { timeout: 60_000 }, () => {
    const random = new Random(7);
    expect(status(generate(random, 100_000, 5))).toBe("linearizable");
    const histories = new Map<string, RegisterOperation[]>();
    for (let key = 0; key < 1000; key += 1) histories.set(`k${key}`, generate(random, 100, 8));
    expect(checkPartitioned(registerModel, histories).status).toBe("linearizable");
  });

  it("one stale read among ten thousand operations is found", { timeout: 30_000 }, () => {
    const history = generate(new Random(3), 10_000, 6);
    const stale = history.findLast(({ input }) => input.type === "read")!;
    const changed = history.map((operation) =>
      operation === stale
        ? { ...stale, result: { output: "v0.5", return: stale.result!.return } }
        : operation,
    );
    expect(status(changed)).toBe("violation");
  });

  it("gives up when told to", () => {
    expect(checkLinearizability(registerModel, [write("a", 1, 2)], { maxSteps: 1 }).status).toBe("undecided");
  });
});
