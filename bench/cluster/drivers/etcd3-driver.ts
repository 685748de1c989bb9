import { Etcd3 } from "etcd3";
import type { Driver } from "./driver.ts";

/** etcd's usual npm client with its defaults: calls go to the members in turn; reads are linearizable. */
export function etcd3Driver(endpoints: readonly string[]): Driver {
  const client = new Etcd3({ hosts: [...endpoints] });
  return {
    put: (key, value) => client.put(key).value(value).exec(),
    get: (key) => client.get(key).buffer(),
    close: async () => client.close(),
  };
}
