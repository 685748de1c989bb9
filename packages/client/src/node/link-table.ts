import type { LinkOptions, LinkOwner } from "./node-link.ts";
import { NodeLink } from "./node-link.ts";

/** Links by address. A cluster that changes its addresses for ever must not make the client grow for ever. */
const maxLinks = 256;

/** The links of a client, made when they are first asked for. */
export class LinkTable {
  /** Links to the addresses that the caller gave. */
  readonly seeds: readonly NodeLink[];
  readonly #options: LinkOptions;
  readonly #owner: LinkOwner;
  readonly #links = new Map<string, NodeLink>();

  constructor(seeds: readonly string[], options: LinkOptions, owner: LinkOwner) {
    this.#options = options;
    this.#owner = owner;
    this.seeds = seeds.map((address) => this.link(address));
  }

  /** The link to an address. @throws TypeError when it is no `host:port`. */
  link(address: string): NodeLink {
    let link = this.#links.get(address);
    if (link === undefined) {
      link = new NodeLink(address, this.#options, this.#owner);
      this.#links.set(address, link);
    }
    return link;
  }

  all(): Iterable<NodeLink> {
    return this.#links.values();
  }

  /** Closes links to addresses that are neither seeds nor named, once there are too many and nothing is under way on them. */
  retain(addresses: ReadonlySet<string>): void {
    if (this.#links.size <= maxLinks) return;
    for (const [address, link] of this.#links) {
      if (addresses.has(address) || this.seeds.includes(link) || link.load > 0) continue;
      link.close();
      this.#links.delete(address);
    }
  }

  close(): void {
    for (const link of this.#links.values()) link.close();
  }
}
