export { type RunningNode, startNode } from "./node/node.ts";
export type {
  Durability,
  FounderSettings,
  Membership,
  NodeSettings,
  PortSettings,
} from "./node/node-settings.ts";
export { type RequestLimits, defaultRequestLimits } from "./kv/request-limits.ts";
export { IdentityError } from "./node/node-identity.ts";
export { JoinError } from "./node/join-cluster.ts";
