import { describe, expect, it } from "vitest";
import { SessionPool } from "./session-pool.ts";
import { sessionWindow } from "./write-session.ts";

function poolAt(clock: { nowMs: number }): { pool: SessionPool; opened: string[] } {
  const opened: string[] = [];
  const pool = new SessionPool({ serverNow: () => clock.nowMs, onOpened: (reason) => opened.push(reason) });
  return { pool, opened };
}

describe("a pool of sessions", () => {
  it("keeps one for each shard, with an id of its own and the server's date", () => {
    const { pool } = poolAt({ nowMs: 1000.7 });
    const first = pool.sessionFor(1, 1)!;
    expect(pool.sessionFor(1, 1)).toBe(first);
    const second = pool.sessionFor(2, 1)!;
    expect(second).not.toBe(first);
    expect(first.session).toHaveLength(16);
    expect(second.session).not.toEqual(first.session);
    expect(first.openedMs).toBe(1000);
    expect(second.ordinal).not.toBe(first.ordinal);
  });

  it("replaces an expired one by a session of today, when the shard had accepted it before", () => {
    const clock = { nowMs: 1000 };
    const { pool, opened } = poolAt(clock);
    const first = pool.sessionFor(1, 1)!;
    first.isAccepted = true;
    clock.nowMs = 5000;
    pool.expire(1, first);
    expect(pool.sessionFor(1, 1)?.openedMs).toBe(5000);
    expect(opened).toEqual(["first", "expired"]);
  });

  it("dates sessions ever later while a shard refuses them for their age, up to half an hour", () => {
    const { pool } = poolAt({ nowMs: 0 });
    const dates: number[] = [];
    for (let count = 0; count < 14; count += 1) {
      const session = pool.sessionFor(1, 1)!;
      dates.push(session.openedMs);
      pool.expire(1, session);
      pool.expire(1, session);
    }
    expect(dates.slice(0, 5)).toEqual([0, 1000, 2000, 4000, 8000]);
    expect(dates.at(-1)).toBe(1_800_000);
  });

  it("leaves a session to a few stragglers, but waits when many writes are unanswered", () => {
    const { pool, opened } = poolAt({ nowMs: 0 });
    const first = pool.sessionFor(1, sessionWindow)!;
    first.begin(sessionWindow);
    expect(pool.sessionFor(1, 1)).toBeUndefined();
    const stragglers = sessionWindow / 8;
    for (let seq = stragglers + 2; seq <= sessionWindow; seq += 1) first.settle(seq);
    expect(pool.sessionFor(1, 1)).toBeUndefined();
    first.settle(stragglers + 1);
    expect(pool.sessionFor(1, 1)).not.toBe(first);
    expect(opened).toEqual(["first", "stragglers"]);
    expect(first.unanswered).toBe(stragglers);
  });
});
