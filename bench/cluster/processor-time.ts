/** Processor time of other processes, as Linux tells it in /proc. */
import { readFileSync } from "node:fs";

/** Units in which /proc/<pid>/stat counts time; 100 on every Linux that Node.js supports. */
const ticksPerSecond = 100;

/** Processor time in a line of /proc/<pid>/stat. The name in parentheses may contain anything, so counting begins after it. */
export function cpuSecondsOf(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const userTicks = Number(fields[11]);
  const systemTicks = Number(fields[12]);
  return (userTicks + systemTicks) / ticksPerSecond;
}

/** Seconds of processor time that processes have used so far, together. */
export function processorSeconds(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + cpuSecondsOf(readFileSync(`/proc/${pid}/stat`, "utf8")), 0);
}
