import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");
// eslint-disable-next-line typescript/no-unsafe-type-assertion -- V8 puts `gc` into new contexts once the flag is set
const collectGarbage = runInNewContext("gc") as () => void;

/** Keeps results alive, so that the compiler cannot drop the work that made them. */
let sink = 0;

/** Something to measure: a name and one call. */
export interface Subject {
  readonly name: string;
  readonly call: (key: string) => number;
}

/**
 * Calls per second of each subject over the same keys, the median of several rounds. The subjects take turns within a
 * round, so that a slow moment of the machine does not fall on one of them alone.
 */
export function callsPerSecond(subjects: readonly Subject[], keys: readonly string[]): Map<string, number> {
  const roundCount = 9;
  const rounds = new Map<string, number[]>(subjects.map(({ name }) => [name, []]));
  for (let round = 0; round < roundCount; round++) {
    for (const subject of subjects) rounds.get(subject.name)!.push(timed(subject, keys));
  }
  return new Map([...rounds].map(([name, rates]) => [name, median(rates)]));
}

function timed(subject: Subject, keys: readonly string[]): number {
  const minimumMs = 60;
  let calls = 0;
  const startedMs = performance.now();
  let elapsedMs = 0;
  while (elapsedMs < minimumMs) {
    for (const key of keys) sink = (sink + subject.call(key)) | 0;
    calls += keys.length;
    elapsedMs = performance.now() - startedMs;
  }
  return (calls / elapsedMs) * 1000;
}

/** Median time of one call in milliseconds. */
export function medianMs(call: () => unknown): number {
  const times: number[] = [];
  for (let round = 0; round < 30; round++) {
    const startedMs = performance.now();
    call();
    times.push(performance.now() - startedMs);
  }
  return median(times);
}

/** Bytes that one thing keeps alive, on and off the heap, averaged over many. */
export function bytesOf(make: () => unknown): number {
  const copies = 200;
  make();
  const before = bytesInUse();
  const kept = Array.from({ length: copies }, make);
  const bytes = (bytesInUse() - before) / copies;
  sink = (sink + kept.length) | 0;
  return bytes;
}

function bytesInUse(): number {
  collectGarbage();
  collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** The middle value. */
export function median(values: readonly number[]): number {
  return values.toSorted((left, right) => left - right).at(Math.floor(values.length / 2))!;
}

/** A copy of the keys as flat strings, as they arrive from a network; `a + b` alone would be a tree of strings. */
export function flat(keys: readonly string[]): string[] {
  return keys.map((key) => Buffer.from(key).toString());
}

/** Prints a table for people: the first column to the left, the others to the right. */
export function printTable(
  title: string,
  header: readonly string[],
  rows: readonly (readonly string[])[],
): void {
  const widths = header.map((name, column) =>
    Math.max(name.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join("  ");
  console.log(`\n${title}\n`);
  console.log(line(header));
  console.log(widths.map((width) => "-".repeat(width)).join("  "));
  for (const row of rows) console.log(line(row));
}
