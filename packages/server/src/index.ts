// A node in a program of your own.
export { createNode, type TitanNode } from "./node/create-node.ts";
export type { RunningNode } from "./node/node.ts";

// Its options: from an object, or from file, environment and flags.
export {
  completeNodeOptions,
  type GivenNodeOptions,
  loadNodeOptions,
  type OptionSources,
} from "./config/load-node-options.ts";
export type { LogLevel, NodeOptions } from "./config/node-options.ts";
export { optionsAsHelp, optionsAsMarkdown } from "./config/option-table.ts";

export { type InitialNode, parseInitialNode } from "./config/initial-node.ts";

// What can go wrong before a node runs.
export { OptionsError, type OptionProblem } from "./config/options-error.ts";
export { IdentityError } from "./node/node-identity.ts";
export { JoinError } from "./node/join-cluster.ts";

// The version of this release.
export { version } from "./node/version.ts";
