import { DiskWatch, type DiskState } from "./disk-watch.ts";
import type { GroupContext } from "./group-context.ts";
import type { GroupReplica } from "./group-replica.ts";
import type { Inbox } from "./inbox.ts";
import type { StateReceiver } from "./state-receiver.ts";
import type { StateSender } from "./state-sender.ts";
import { Ticker } from "./ticker.ts";
import type { TurnLoop } from "./turn-loop.ts";

/** How often groups that keep old segments of the log alive are looked for, and learners that have caught up. */
const housekeepingTicks = 10;

/** What the clockwork drives. */
export interface ClockworkOptions {
  readonly context: GroupContext;
  readonly groups: ReadonlyMap<number, GroupReplica>;
  readonly inbox: Inbox;
  readonly sender: StateSender;
  readonly receiver: StateReceiver;
  readonly turns: TurnLoop;
}

/** What a node does because time has passed: ticks of all groups, and a look at the disk, at silence and at the log. */
export class Clockwork {
  readonly #options: ClockworkOptions;
  readonly #ticker: Ticker;
  readonly #disk: DiskWatch;
  readonly #electionMs: number;
  /** Nodes that a frame could not be sent to since the last tick. */
  readonly #unreachable = new Set<number>();
  #cancelTick: () => void = () => undefined;
  #ticks = 0;
  #stalledSinceMs = 0;

  /** Begins to tick at once. */
  constructor(options: ClockworkOptions) {
    const { clock, timing } = options.context.options;
    this.#options = options;
    this.#electionMs = timing.electionTicks * timing.tickMs;
    this.#disk = new DiskWatch(this.#electionMs);
    this.#ticker = new Ticker({
      tickMs: timing.tickMs,
      suspensionMs: this.#electionMs / 2,
      nowMs: clock.now(),
    });
    this.#wind();
  }

  /** How the disk is doing. */
  get disk(): DiskState {
    return this.#disk.state;
  }

  /** A frame could not be sent to a node. The groups hear of it with the next tick. */
  undelivered(node: number): void {
    this.#unreachable.add(node);
  }

  /** Ticks no more. */
  stop(): void {
    this.#cancelTick();
  }

  #wind(): void {
    const { scheduler, timing } = this.#options.context.options;
    this.#cancelTick = scheduler.after(timing.tickMs, () => {
      this.#wind();
      this.#pass();
    });
  }

  #pass(): void {
    const { context, groups, sender, receiver, turns } = this.#options;
    const { clock, timing } = context.options;
    const nowMs = clock.now();
    const { ticks, suspendedMs } = this.#ticker.pass(nowMs);
    if (suspendedMs > 0) this.#suspended(suspendedMs);
    this.#watchDisk(nowMs);
    for (let tick = 0; tick < ticks; tick++) {
      this.#ticks += 1;
      // Before the tick, with which leaders forget now and then who was active, to see who still is.
      if (this.#ticks % housekeepingTicks === 0) this.#keepHouse();
      for (const replica of groups.values()) replica.tick(nowMs);
      if (this.#ticks % timing.heartbeatTicks === 0) this.#keepQuietGroups(nowMs);
    }
    for (const node of this.#unreachable) {
      for (const replica of groups.values()) replica.undelivered(node);
    }
    this.#unreachable.clear();
    sender.tick(nowMs);
    receiver.tick(nowMs);
    turns.flushWhenIdle();
    turns.schedule();
  }

  #suspended(gapMs: number): void {
    const { context, groups, turns } = this.#options;
    context.options.metrics.count("suspensions", 1);
    context.event({ type: "suspended", gapMs });
    for (const replica of groups.values()) replica.suspend();
    // What waits in the sockets is news that arrived during the gap: look at it before judging anybody's silence.
    turns.schedule();
  }

  /** See `DiskWatch`. */
  #watchDisk(nowMs: number): void {
    const { context, groups } = this.#options;
    const { log, metrics } = context.options;
    const pendingMs = log.oldestPendingMs();
    const before = this.#disk.look(pendingMs);
    const { state } = this.#disk;
    if (state === "stalled" && before !== "stalled") {
      this.#stalledSinceMs = nowMs;
      metrics.count("diskStalls", 1);
      context.event({ type: "diskStalled", pendingMs });
      for (const replica of groups.values()) replica.setElectable(false);
    } else if (state === "stalled" && nowMs - this.#stalledSinceMs > this.#electionMs) {
      for (const replica of groups.values()) if (replica.isLeader) replica.stepDown();
    } else if (state !== "stalled" && before === "stalled") {
      context.event({ type: "diskRecovered" });
      for (const replica of groups.values()) replica.setElectable(true);
    }
  }

  /** See `QuietRule`: nodes that share a quiet group greet each other, and the group wakes when one does not. */
  #keepQuietGroups(nowMs: number): void {
    const { context, groups, inbox } = this.#options;
    const greeted = new Set<number>();
    for (const replica of groups.values()) {
      if (!replica.quiet.quiet) continue;
      for (const node of replica.watchedNodes()) {
        if (nowMs - inbox.lastHeardMs(node) > this.#electionMs) replica.quiet.wake();
        else greeted.add(node);
      }
    }
    for (const node of greeted) context.outbox.greet(node);
  }

  #keepHouse(): void {
    const { context, groups } = this.#options;
    for (const replica of groups.values()) {
      replica.promote();
      replica.requestState();
    }
    for (const { group } of context.options.log.pinning()) {
      const replica = groups.get(group);
      if (replica !== undefined && !replica.state.compacting && replica.failure === undefined) {
        replica.compactUrgently();
      }
    }
  }
}
