/** What the benchmark uses of the two rivals, which ship no types. */

declare module "hashring" {
  export default class HashRing {
    constructor(
      servers: readonly string[],
      algorithm?: string,
      options?: { readonly "vnode count"?: number; readonly "max cache size"?: number },
    );
    get(key: string): string;
    range(key: string, size: number): string[];
    add(server: string): this;
  }
}

declare module "consistent-hash" {
  export default class ConsistentHash {
    constructor(options?: { readonly weight?: number; readonly range?: number });
    get(key: string): string;
    get(key: string, count: number): string[];
    add(node: string): this;
  }
}
