import { connect } from "@titan-kv/client";
import type { Driver } from "./driver.ts";

/** Our client with its defaults: linearizable reads, at-most-once writes, routing to the leaders. */
export async function titanDriver(endpoints: readonly string[]): Promise<Driver> {
  const kv = await connect(endpoints.join(","));
  return {
    put: (key, value) => kv.put(key, value),
    get: (key) => kv.get(key),
    close: () => kv.close(),
  };
}
