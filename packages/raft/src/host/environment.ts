/**
 * Time, chance and scheduling, as the host sees them. Taken as ports so that a simulation can run many hosts in one
 * process, on virtual time, and twice in the same way.
 */

/** A clock that never goes back and goes on while the process is stopped. */
export interface Clock {
  /** Milliseconds from any origin; fractions are welcome. */
  now(): number;
}

/** Runs things later. */
export interface Scheduler {
  /** Runs `task` once, after the events that are waiting now: everything that arrives until then is worked off together. */
  soon(task: () => void): void;
  /** Runs `task` once after so many milliseconds, unless the function returned is called before. */
  after(delayMs: number, task: () => void): () => void;
}

/** Random numbers. */
export interface Rng {
  /** An integer in `[0, bound)`, evenly distributed. `bound` is at least 1. */
  below(bound: number): number;
}

/** `performance.now`. On Linux it stands still while the machine sleeps, like the lease of whoever sleeps. */
export const systemClock: Clock = { now: () => performance.now() };

/** `setImmediate` and `setTimeout`. */
export const systemScheduler: Scheduler = {
  soon: (task) => {
    setImmediate(task);
  },
  after: (delayMs, task) => {
    const timer = setTimeout(task, delayMs);
    return () => {
      clearTimeout(timer);
    };
  },
};

/** `Math.random`: elections need to be spread out, not secret. */
export const systemRng: Rng = { below: (bound) => Math.floor(Math.random() * bound) };
