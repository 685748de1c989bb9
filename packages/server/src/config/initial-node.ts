import type { TextForm } from "./option-kinds.ts";

/** A founding member of a cluster, as every founding member's configuration describes it. */
export interface InitialNode {
  readonly id: number;
  /** `host:port` for clients. */
  readonly address: string;
  /** `host:port` for other nodes. */
  readonly peerAddress: string;
  readonly zone: string;
  readonly weight: number;
}

const address = String.raw`(?:\[[0-9a-fA-F:.]+\]|[^\s:[\]@/?,]+):[1-9]\d{0,4}`;

/** How a founding member is written. */
export const initialNodeText: TextForm = {
  pattern: new RegExp(
    String.raw`^[1-9]\d{0,8}@${address}/${address}(?:\?(?:zone=[^&\s,]+|weight=\d+(?:\.\d+)?)(?:&(?:zone=[^&\s,]+|weight=\d+(?:\.\d+)?))*)?$`,
  ),
  allowed:
    "id@client-host:port/peer-host:port[?zone=…&weight=…], such as 1@10.0.0.1:4100/10.0.0.1:4200?zone=a",
};

/** Zone of a node that does not say. */
export const defaultZone = "default";

/** Reads one element of `cluster.initialNodes`. @throws TypeError when it is not one. */
export function parseInitialNode(entry: string): InitialNode {
  if (!initialNodeText.pattern.test(entry)) {
    throw new TypeError(`${JSON.stringify(entry)} is not ${initialNodeText.allowed}`);
  }
  const [id = "", rest = ""] = entry.split("@", 2);
  const [addresses = "", query = ""] = rest.split("?", 2);
  const [client = "", peer = ""] = addresses.split("/", 2);
  const settings = new URLSearchParams(query);
  return {
    id: Number(id),
    address: client,
    peerAddress: peer,
    zone: settings.get("zone") ?? defaultZone,
    weight: Number(settings.get("weight") ?? 1),
  };
}
