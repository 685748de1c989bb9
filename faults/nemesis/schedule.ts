/** When which fault happens: decided by the seed before anything begins, so that a run can be repeated. */
import { Random } from "../random.ts";
import type { FaultKind, Lane, PlannedFault } from "./fault.ts";

/** One fault with its time, in milliseconds from the beginning of the round. */
export interface ScheduledFault {
  readonly kind: FaultKind;
  readonly planned: PlannedFault;
  readonly startMs: number;
  readonly holdMs: number;
}

/** What a schedule is made from. */
export interface ScheduleOptions {
  readonly seed: number;
  readonly round: number;
  readonly durationMs: number;
  /** Number of founders. */
  readonly nodes: number;
  readonly kinds: readonly FaultKind[];
}

/** Quiet time between two faults of a lane, and how long a fault lasts: least and most, in milliseconds. */
const gapMs = [500, 2500] as const;
const holdMs = [800, 5000] as const;
/** A process that stands still does so for up to this long: beyond every timeout of an election. */
const longestPauseMs = 10_000;

function laneSchedule(lane: Lane, options: ScheduleOptions): ScheduledFault[] {
  const { seed, round, durationMs, nodes } = options;
  const kinds = options.kinds.filter((kind) => kind.lane === lane);
  if (kinds.length === 0) return [];
  const random = new Random(seed, `faults of round ${round}, ${lane}`);
  const schedule: ScheduledFault[] = [];
  for (let startMs = random.between(...gapMs); startMs < durationMs;) {
    const kind = random.pick(kinds);
    const longest = kind.name === "pause" ? longestPauseMs : holdMs[1];
    const drawnHoldMs = random.between(holdMs[0], longest);
    const planned = kind.plan(random, nodes);
    schedule.push({ kind, planned, startMs, holdMs: Math.min(drawnHoldMs, durationMs - startMs) });
    startMs += drawnHoldMs + random.between(...gapMs);
  }
  return schedule;
}

/** All faults of a round, by lane, each lane in order of time. */
export function makeSchedule(options: ScheduleOptions): ReadonlyMap<Lane, readonly ScheduledFault[]> {
  const lanes: Lane[] = ["process", "network", "membership"];
  return new Map(lanes.map((lane) => [lane, laneSchedule(lane, options)]));
}

/** The schedule as lines. */
export function describeSchedule(schedule: ReadonlyMap<Lane, readonly ScheduledFault[]>): string[] {
  return [...schedule.values()]
    .flat()
    .toSorted((left, right) => left.startMs - right.startMs)
    .map(({ kind, planned, startMs, holdMs: heldMs }) => {
      const at = (startMs / 1000).toFixed(1).padStart(6);
      return `  ${at} s for ${(heldMs / 1000).toFixed(1).padStart(4)} s  ${kind.name}: ${planned.words}`;
    });
}
