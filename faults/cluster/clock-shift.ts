/**
 * Loaded into a node's process before anything else: lets the fault run set the wall clock of that process forwards and
 * backwards in steps. The monotonic clock and timers stay as they are, as when an operator or a time daemon sets a
 * machine's clock.
 */

/** Sent to the process: what its wall clock is wrong by, in milliseconds. */
export interface ClockShift {
  readonly clockShiftMs: number;
}

function isClockShift(message: unknown): message is ClockShift {
  return typeof message === "object" && message !== null && "clockShiftMs" in message;
}

const trueNow = Date.now.bind(Date);
let shiftMs = 0;

// Only `Date.now` is asked for the time in the code under test; dates made without arguments go into log lines alone.
Date.now = () => trueNow() + shiftMs;
process.on("message", (message) => {
  if (isClockShift(message)) shiftMs = message.clockShiftMs;
});
// The channel must not keep a node alive that wants to end.
process.channel?.unref();
