import type { DriverName } from "../contenders.ts";
import type { Driver } from "./driver.ts";

/** Connects a client. Libraries are loaded only when asked for: a process measures one, and carries no other. */
export async function openDriver(name: DriverName, endpoints: readonly string[]): Promise<Driver> {
  switch (name) {
    case "titan":
      return (await import("./titan-driver.ts")).titanDriver(endpoints);
    case "etcd3":
      return (await import("./etcd3-driver.ts")).etcd3Driver(endpoints);
    case "etcd-lean":
      return (await import("./etcd-lean-driver.ts")).etcdLeanDriver(endpoints);
    case "ioredis":
      return (await import("./ioredis-driver.ts")).ioredisDriver(endpoints, { autoPipelining: false });
    case "ioredis-auto-pipelining":
      return (await import("./ioredis-driver.ts")).ioredisDriver(endpoints, { autoPipelining: true });
  }
}
