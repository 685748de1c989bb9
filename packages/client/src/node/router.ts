/**
 * Which link an operation takes.
 *
 * The best one is to the leader of the key's shard; reads that any replica may answer are spread over the replicas. But an
 * operation never waits for a connection while another is ready: every node passes on what is not its own. So the client
 * works behind a single address, with addresses that cannot be reached from where it is, and while nodes restart, and it
 * goes straight to the leader when it can.
 */
import { ReadLevel } from "@titan-kv/proto";
import type { EngineOperation } from "../api/operation.ts";
import type { LinkTable } from "./link-table.ts";
import type { NodeLink } from "./node-link.ts";
import type { PendingOperation } from "./pending-operation.ts";
import type { RoutingTable } from "./routing-table.ts";

/** Whether any replica can answer as well as the leader. */
function isForAnyReplica(operation: EngineOperation): boolean {
  if (operation.kind !== "get") return false;
  const { level } = operation;
  return level === ReadLevel.AT_LEAST || level === ReadLevel.BOUNDED || level === ReadLevel.LOCAL;
}

export class Router {
  readonly #links: LinkTable;
  readonly #directRouting: boolean;
  #turn = 0;

  constructor(links: LinkTable, directRouting: boolean) {
    this.#links = links;
    this.#directRouting = directRouting;
  }

  /** The link for the next attempt at an operation. */
  linkFor(pending: PendingOperation, table: RoutingTable): NodeLink {
    if (!this.#directRouting) return this.#anyOf(this.#links.seeds, pending);
    const shard = table.shardOf(pending.slot);
    if (!isForAnyReplica(pending.operation)) {
      const leader = this.#linkOf(table.leaderOf(shard).node, table);
      if (leader !== undefined && leader.address !== pending.avoid) {
        if (leader.isReady) return leader;
        leader.warm();
      }
    }
    return this.#best(shard, pending, table);
  }

  /** Links in the order in which to ask for the topology: those that are ready first. */
  forQuestions(table: RoutingTable | undefined): NodeLink[] {
    const links = new Set(this.#links.seeds);
    if (table !== undefined && this.#directRouting) {
      for (const address of table.addresses) links.add(this.#links.link(address));
    }
    const ordered = this.#rotated([...links]);
    return [...ordered.filter(({ isReady }) => isReady), ...ordered.filter(({ isReady }) => !isReady)];
  }

  /**
   * The link for a stream that stays: to a node that has the shard, when there is only one, and that is ready; to one that
   * should be avoided only when there is no other.
   */
  forWatching(table: RoutingTable, shard: number | undefined, avoid: ReadonlySet<string>): NodeLink {
    const holders = new Set(shard === undefined ? [] : this.#linksOf(table.replicasOf(shard), table));
    const rank = (link: NodeLink): number =>
      (avoid.has(link.address) ? 4 : 0) + (link.isReady ? 0 : 2) + (holders.has(link) ? 0 : 1);
    return this.forQuestions(table).toSorted((a, b) => rank(a) - rank(b))[0]!;
  }

  /** Closes links that nothing leads to any more. */
  retain(table: RoutingTable): void {
    this.#links.retain(new Set(table.addresses));
  }

  #best(shard: number, pending: PendingOperation, table: RoutingTable): NodeLink {
    const replicas = this.#linksOf(table.replicasOf(shard), table);
    for (const link of replicas) if (!link.isReady) link.warm();
    const ready = replicas.filter((link) => link.isReady && link.address !== pending.avoid);
    if (ready.length > 0) return this.#rotated(ready)[0]!;
    const nodes = [...table.addresses].map((address) => this.#links.link(address));
    return this.#anyOf([...replicas, ...nodes, ...this.#links.seeds], pending);
  }

  /** One that is ready; otherwise the one that can be tried first. There is always at least one. */
  #anyOf(links: readonly NodeLink[], pending: PendingOperation): NodeLink {
    const candidates = this.#rotated(links);
    const usable = candidates.filter(({ address }) => address !== pending.avoid);
    // Rather wait for a connection that will probably come than ask again whom the operation should avoid.
    const hasOther = usable.some(({ isPromising }) => isPromising);
    const ready = (hasOther ? usable : [...usable, ...candidates]).find(({ isReady }) => isReady);
    if (ready !== undefined) {
      for (const link of usable) if (!link.isReady) link.warm();
      return ready;
    }
    const nowMs = performance.now();
    const soonest = (usable.length > 0 ? usable : candidates).toSorted((a, b) => {
      return Math.max(a.retryAtMs, nowMs) - Math.max(b.retryAtMs, nowMs);
    });
    return soonest[0]!;
  }

  #linkOf(node: number, table: RoutingTable): NodeLink | undefined {
    const address = table.addressOf(node);
    return address === undefined ? undefined : this.#links.link(address);
  }

  #linksOf(nodes: readonly number[], table: RoutingTable): NodeLink[] {
    return nodes.map((node) => this.#linkOf(node, table)).filter((link) => link !== undefined);
  }

  /** The same links, beginning with another one each time. */
  #rotated(links: readonly NodeLink[]): NodeLink[] {
    this.#turn = (this.#turn + 1) % 0x4000_0000;
    const first = this.#turn % Math.max(links.length, 1);
    return [...links.slice(first), ...links.slice(0, first)];
  }
}
