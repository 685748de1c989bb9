import { RingError } from "@titan-kv/ring";

/** The `RingError` that `action` throws; fails when it throws nothing or something else. */
export function ringErrorOf(action: () => unknown): RingError {
  try {
    action();
  } catch (error) {
    if (error instanceof RingError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}
