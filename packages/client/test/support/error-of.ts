import { TitanError } from "../../src/index.ts";

/** The `TitanError` that a promise rejects with; anything else is thrown. */
export async function errorOf(promise: Promise<unknown>): Promise<TitanError> {
  const error: unknown = await promise.then(
    () => new Error("it did not fail"),
    (thrown: unknown) => thrown,
  );
  if (error instanceof TitanError) return error;
  throw error;
}
