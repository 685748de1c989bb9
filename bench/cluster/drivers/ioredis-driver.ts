import { Redis } from "ioredis";
import type { Driver } from "./driver.ts";

/** redis' usual npm client with its defaults, or with the one setting that its documentation recommends for throughput. */
export async function ioredisDriver(
  endpoints: readonly string[],
  { autoPipelining }: { autoPipelining: boolean },
): Promise<Driver> {
  const [host = "", port] = (endpoints[0] ?? "").split(":");
  const client = new Redis({
    host,
    port: Number(port),
    enableAutoPipelining: autoPipelining,
    lazyConnect: true,
  });
  await client.connect();
  return {
    put: (key, value) => client.set(key, value),
    get: (key) => client.getBuffer(key),
    close: async () => client.disconnect(),
  };
}
