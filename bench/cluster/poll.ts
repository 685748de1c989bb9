import { setTimeout as sleep } from "node:timers/promises";

const pollIntervalMs = 50;

/** Waits until a question is answered with something; an error counts as not yet. Rejects with the last one after the time. */
export async function poll<T>(what: string, limitMs: number, ask: () => Promise<T | undefined>): Promise<T> {
  const deadlineMs = performance.now() + limitMs;
  for (;;) {
    let problem: unknown;
    try {
      const answer = await ask();
      if (answer !== undefined) return answer;
    } catch (error) {
      problem = error;
    }
    if (performance.now() > deadlineMs)
      throw new Error(`${what}: not within ${limitMs / 1000} s`, { cause: problem });
    await sleep(pollIntervalMs);
  }
}
