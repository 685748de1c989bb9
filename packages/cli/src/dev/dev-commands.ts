import { type Command, Option } from "commander";
import { join } from "node:path";
import type { CommandHost } from "../program/command-host.ts";
import { wholeNumber } from "../program/global-options.ts";
import type { DevAction } from "./control-protocol.ts";

interface DirectoryOption {
  readonly dir?: string;
}

interface StartOptions extends DirectoryOption {
  readonly nodes?: number;
  readonly port?: number;
  readonly replicas?: number;
  readonly story?: "partition";
}

/** Beside the cluster that one works with. */
const defaultStoryDirectory = join("titan-data", "story");

const dirHelp = "directory of the cluster (also TITAN_DEV_DIR; default: titan-data/dev)";

/** `titan dev` and what another terminal can ask of it. */
export function registerDevCommands(program: Command, host: CommandHost): void {
  const dev = program
    .command("dev")
    .description("run a cluster on this machine, one process per node, until Ctrl-C; the data stays")
    .option("--nodes <count>", "how many nodes (default: 3)", wholeNumber(1, 9))
    .option("--dir <directory>", dirHelp)
    .option("--port <port>", "first port for clients; 0 takes any (default: 4100)", wholeNumber(0, 65_000))
    .option("--replicas <count>", "copies of each shard (default: 3)", wholeNumber(1, 7))
    .addOption(
      new Option(
        "--story <name>",
        "tell what happens in a partition, with five nodes, in a directory of its own; then stop",
      ).choices(["partition"]),
    );
  host.connect<StartOptions>(dev, async () => {
    const { runDev } = await import("./run-dev.ts");
    const { chosenDevDirectory } = await import("./dev-directory-choice.ts");
    const { storyNodes } = await import("./partition-story.ts");
    return ({ options, terminal }) => {
      const { story } = options;
      const forStory = story === undefined ? undefined : storyNodes;
      return runDev(
        {
          directory:
            options.dir ??
            (story === undefined ? undefined : defaultStoryDirectory) ??
            chosenDevDirectory(undefined, terminal.env),
          nodes: options.nodes ?? forStory,
          port: options.port ?? (story === undefined ? undefined : 0),
          replicationFactor: options.replicas ?? forStory,
          story,
        },
        terminal,
      );
    };
  });
  const ask = (action: DevAction, args: string, description: string): void => {
    const command = dev.command(args === "" ? action : `${action} ${args}`).description(description);
    command.option("--dir <directory>", dirHelp);
    host.connect<DirectoryOption>(command, async () => {
      const { askRunningCluster } = await import("./ask-running-cluster.ts");
      return (call) => askRunningCluster(action, call);
    });
  };
  ask("status", "", "what the processes do and where the network is cut");
  ask("kill", "<nodes...>", "end nodes as kill -9 does; they stay away until `restart`");
  ask("pause", "<nodes...>", "stop the time of nodes: connections stay open, nothing answers");
  ask("resume", "<nodes...>", "let paused nodes go on");
  ask("restart", "<nodes...>", "start nodes that were killed; others are stopped cleanly first");
  ask("partition", "<sides...>", "cut the network: `1,2,3 4,5` or 'A,B,C|D,E'; one way: 'A>B'");
  ask("heal", "", "make the network whole");
  ask("stop", "", "stop the cluster, as Ctrl-C does");
}
