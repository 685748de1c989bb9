import type { Logger } from "pino";
import { completeNodeOptions, type GivenNodeOptions } from "../config/load-node-options.ts";
import { NodeLog } from "../observability/node-log.ts";
import { type RunningNode, startNode } from "./node.ts";
import { settingsFromOptions } from "./settings-from-options.ts";

/** A node that is not running yet. */
export interface TitanNode {
  /** Starts the node. @throws OptionsError, IdentityError, JoinError, RaftError LOCKED; see their docs. */
  start(): Promise<RunningNode>;
  /** Stops it cleanly: leadership is handed over, calls finish, files are closed. Does nothing before `start`. */
  stop(): Promise<void>;
}

/**
 * A node for a program that embeds one; `titan server` is such a program.
 *
 *     const node = createNode({ dataDirectory: "data", node: { id: 1 },
 *       cluster: { initialNodes: ["1@127.0.0.1:4100/127.0.0.1:4200"] } });
 *     const { address } = await node.start();
 *
 * @param options anything that a configuration file can say; the rest has defaults.
 * @param logger default: JSON lines on standard output at the level of `options.log.level`.
 * @throws OptionsError with every problem found.
 */
export function createNode(options: GivenNodeOptions, logger?: Logger): TitanNode {
  const complete = completeNodeOptions(options);
  const settings = settingsFromOptions(complete);
  let running: Promise<RunningNode> | undefined;
  return {
    start: () => {
      running ??= startNode(settings, logger ?? new NodeLog({ level: complete.log.level }).root);
      return running;
    },
    stop: async () => {
      await (await running)?.stop();
    },
  };
}
