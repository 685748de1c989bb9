import { readdirSync, readFileSync } from "node:fs";
import { cpuSecondsOf } from "./processor-time.ts";

/** Processor time of a process by the names of its threads: what no profile of JavaScript shows. */
export function threadTimes(pid: number): Map<string, number> {
  const times = new Map<string, number>();
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const stat = readFileSync(`/proc/${pid}/task/${thread}/stat`, "utf8");
    const own = stat.slice(stat.indexOf("(") + 1, stat.lastIndexOf(")"));
    const name = Number(thread) === pid ? "main thread" : own;
    times.set(name, (times.get(name) ?? 0) + cpuSecondsOf(stat));
  }
  return times;
}

/** What was added between two looks. */
export function threadTimesSince(
  before: ReadonlyMap<string, number>,
  after: ReadonlyMap<string, number>,
): [name: string, seconds: number][] {
  return [...after]
    .map(([name, seconds]): [string, number] => [name, seconds - (before.get(name) ?? 0)])
    .filter(([, seconds]) => seconds > 0)
    .toSorted(([, one], [, other]) => other - one);
}
