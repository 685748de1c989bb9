/** Reads that are sent to a second node when the first is slow. Only reads: two writes are two writes. */
import type { CallContext } from "../api/operation.ts";

/**
 * Starts a read; when it is not answered after `afterMs`, starts it again, which takes another way where there is one. The
 * first answer counts, an error only when nothing is under way any more. The slower read is given up.
 */
export async function hedged<Result>(
  start: (call: CallContext, isSecond: boolean) => Promise<Result>,
  call: CallContext,
  afterMs: number,
): Promise<Result> {
  const slower = new AbortController();
  const signal = call.signal === undefined ? slower.signal : AbortSignal.any([call.signal, slower.signal]);
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise<Result>((resolve, reject) => {
      let underWay = 1;
      const failed = (error: unknown): void => {
        underWay -= 1;
        if (underWay === 0) reject(error);
      };
      timer = setTimeout(() => {
        underWay += 1;
        const timeoutMs = call.timeoutMs === undefined ? undefined : Math.max(1, call.timeoutMs - afterMs);
        start({ timeoutMs, signal }, true).then(resolve, failed);
      }, afterMs);
      start({ timeoutMs: call.timeoutMs, signal }, false).then(resolve, failed);
    });
  } finally {
    clearTimeout(timer);
    slower.abort();
  }
}
