/**
 * What is checked before anything is sent. A value of the wrong type is a mistake of the program and a TypeError; a value
 * that is out of range may come from the program's own input and is a `TitanError` INVALID_ARGUMENT.
 */
import { invalidArgument } from "../errors/titan-error.ts";
import type { CallContext } from "./operation.ts";
import { Condition } from "./operation.ts";
import type { CallOptions, WriteConditions } from "./call-options.ts";
import { type ClientLimits, maxTimeoutMs, maxTtlMs } from "./limits.ts";

const utf8 = new TextEncoder();

/** No character of a JavaScript string takes more bytes of UTF-8 than this; those that take four count as two. */
const maxBytesPerCharacter = 3;

/**
 * Checks that a text has a UTF-8 form of at most `limit` bytes and returns about how many it takes: exactly, when it comes
 * near the limit; otherwise its length, because measuring every short text would cost more than it tells.
 */
function checkText(subject: string, text: string, limitName: string, limit: number): number {
  if (!text.isWellFormed()) throw invalidArgument(subject, "holds a lone surrogate, which has no UTF-8 form");
  if (text.length * maxBytesPerCharacter <= limit) return text.length;
  const bytes = utf8.encode(text).length;
  if (bytes <= limit) return bytes;
  throw invalidArgument(subject, `has ${bytes} bytes, the limit ${limitName} is ${limit}`);
}

/** Checks a key and returns about how many bytes it takes. */
export function checkKey(key: unknown, limits: ClientLimits): number {
  if (typeof key !== "string") throw new TypeError(`a key is a string, not ${nameOf(key)}`);
  if (key.length === 0) throw invalidArgument("key", "must not be empty");
  return checkText("key", key, "maxKeyBytes", limits.maxKeyBytes);
}

/** Checks an encoded value and returns about how many bytes it takes. */
export function checkValue(value: unknown, limits: ClientLimits): number {
  if (typeof value === "string") return checkText("value", value, "maxValueBytes", limits.maxValueBytes);
  if (!(value instanceof Uint8Array)) {
    throw new TypeError(
      `a value is a string or a Uint8Array, not ${nameOf(value)}; a codec can store other things`,
    );
  }
  if (value.length <= limits.maxValueBytes) return value.length;
  throw invalidArgument(
    "value",
    `has ${value.length} bytes, the limit maxValueBytes is ${limits.maxValueBytes}`,
  );
}

/** Checks a time to live; 0 for none. */
export function checkTtl(ttlMs: number | undefined): number {
  if (ttlMs === undefined) return 0;
  return checkInteger("ttlMs", ttlMs, 1, maxTtlMs);
}

/** The condition that the options name. */
export function conditionOf(options: WriteConditions): { kind: Condition; revision: number } {
  const { ifRevision, ifAbsent, ifPresent } = options;
  const given = [ifRevision, ifAbsent, ifPresent].filter((each) => each !== undefined && each !== false);
  if (given.length > 1) {
    throw invalidArgument("condition", "give only one of ifRevision, ifAbsent and ifPresent");
  }
  if (ifRevision !== undefined) {
    const revision = checkInteger("ifRevision", ifRevision, 0, Number.MAX_SAFE_INTEGER);
    return { kind: Condition.IfRevision, revision };
  }
  if (ifAbsent === true) return { kind: Condition.IfAbsent, revision: 0 };
  if (ifPresent === true) return { kind: Condition.IfPresent, revision: 0 };
  return { kind: Condition.None, revision: 0 };
}

const defaultCall: CallContext = { timeoutMs: undefined, signal: undefined };

/** Time and cancellation as the options name them. */
export function callContext(options: CallOptions | undefined): CallContext {
  if (options === undefined) return defaultCall;
  const { timeoutMs, signal } = options;
  if (timeoutMs === undefined && signal === undefined) return defaultCall;
  if (timeoutMs !== undefined) checkTimeout("timeoutMs", timeoutMs);
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new TypeError(`signal is an AbortSignal, not ${nameOf(signal)}`);
  }
  return { timeoutMs, signal };
}

/** Checks a time to wait. */
export function checkTimeout(name: string, timeoutMs: number): number {
  if (typeof timeoutMs !== "number") throw new TypeError(`${name} is a number, not ${nameOf(timeoutMs)}`);
  if (timeoutMs >= 1 && timeoutMs <= maxTimeoutMs) return timeoutMs;
  throw invalidArgument(name, `is ${timeoutMs}; it must be from 1 to ${maxTimeoutMs} milliseconds`);
}

/** Checks a whole number. */
export function checkInteger(name: string, value: number, min: number, max: number): number {
  if (typeof value !== "number") throw new TypeError(`${name} is a number, not ${nameOf(value)}`);
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw invalidArgument(name, `is ${value}; it must be a whole number from ${min} to ${max}`);
}

/** What a thing is, for messages. */
export function nameOf(thing: unknown): string {
  if (thing === null) return "null";
  if (Array.isArray(thing)) return "an array";
  return typeof thing === "object" ? `an object of ${thing.constructor?.name ?? "no class"}` : typeof thing;
}
