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

// Configuration: file, environment and flags.
export { loadNodeOptions, type OptionSources } from "./config/load-node-options.ts";
export type { NodeOptions } from "./config/node-options.ts";
export { optionsAsHelp, optionsAsMarkdown } from "./config/option-table.ts";
export { type OptionProblem, OptionsError } from "./config/options-error.ts";
export { type InitialNode, parseInitialNode } from "./config/initial-node.ts";
