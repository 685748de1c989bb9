/**
 * `titan server`: one node as this process, until a signal, its cluster or its parent says otherwise.
 *
 * The first SIGTERM or SIGINT stops it cleanly: leadership is handed over, calls finish, files are closed. A second one
 * ends it at once, which is safe too, since nothing that was acknowledged is only in memory.
 */
import {
  createNode,
  IdentityError,
  JoinError,
  loadNodeOptions,
  type NodeOptions,
  optionsAsHelp,
  OptionsError,
  type RunningNode,
} from "@titan-kv/server";
import { pino } from "pino";
import { CliError, localError } from "../program/cli-error.ts";
import { ExitCode } from "../program/exit-code.ts";
import { note, type Terminal, writeOut } from "../program/terminal.ts";
import { commandLineVariables, configurationError, parseServerArguments } from "./server-arguments.ts";

/** What a node tells the process that started it. */
export interface ServingMessage {
  readonly type: "serving";
  readonly node: number;
  readonly address: string;
  readonly peerAddress: string;
}

const usage = `Usage: titan server [--config file.toml] [--check] [--join host:port] [options]

Runs one node. Options come from flags, then variables of the environment (TITAN_CLIENT_PORT for client.port), then the
file, then the defaults. Names that do not exist are refused.

  --config <file>
      a TOML file of options; also TITAN_CONFIG
  --check
      look whether the options are right, start nothing
  --join <host:port>
      short for --cluster-join: become a member of the cluster that this node belongs to
`;

async function readOptions(
  file: string | undefined,
  flags: readonly string[],
  env: Terminal["env"],
): Promise<NodeOptions> {
  try {
    return await loadNodeOptions({ file, env, flags, otherVariables: commandLineVariables });
  } catch (error) {
    throw error instanceof OptionsError ? configurationError(error) : error;
  }
}

function startError(error: unknown, options: NodeOptions): unknown {
  const { code, message, syscall } = error as NodeJS.ErrnoException;
  if (error instanceof IdentityError) {
    return new CliError("LOCAL", message, {
      cause: error,
      nextStep: "found a cluster with --node-id and --cluster-initial-nodes, or join one with --join",
    });
  }
  if (error instanceof JoinError) {
    return new CliError("UNREACHABLE", message, {
      cause: error,
      nextStep: "check the address with `titan status --endpoint …`, and that the cluster has a leader",
    });
  }
  if (syscall === "listen") {
    return localError(
      `the port cannot be opened: ${message}`,
      error,
      "stop what uses it, or choose others with --client-port and --peer-port",
    );
  }
  if (code === "LOCKED") {
    return localError(`${options.dataDirectory} is in use by another node`, error, "stop that one first");
  }
  if (code !== undefined && syscall !== undefined) {
    return localError(`${options.dataDirectory} cannot be used: ${message}`, error);
  }
  return error;
}

/** Resolves with the exit code when there is a reason to stop. */
function reasonToStop(node: RunningNode, terminal: Terminal): Promise<ExitCode> {
  const { promise, resolve } = Promise.withResolvers<ExitCode>();
  const onSignal = (signal: NodeJS.Signals): void => {
    resolve(ExitCode.Ok);
    for (const again of ["SIGTERM", "SIGINT"] as const) {
      process.removeAllListeners(again);
      process.once(again, () => {
        note(terminal, "stopped at once");
        process.exit(again === "SIGINT" ? ExitCode.Interrupted : ExitCode.Terminated);
      });
    }
    note(terminal, `${signal}: stopping; a second signal stops at once`);
  };
  process.once("SIGTERM", onSignal);
  process.once("SIGINT", onSignal);
  // A node of a development cluster does not outlive the process that looks after it.
  process.once("disconnect", () => resolve(ExitCode.Ok));
  void node.failed.then((reason) => {
    note(terminal, `titan: this node cannot go on: ${reason}`);
    resolve(ExitCode.NotAllowed);
  });
  return promise;
}

/** Runs the command with the words after `server`. */
export async function serve(words: readonly string[], terminal: Terminal): Promise<ExitCode> {
  const { file, check, help, flags } = parseServerArguments(words, terminal.env);
  if (help) {
    await writeOut(terminal, `${usage}${optionsAsHelp()}\n`);
    return ExitCode.Ok;
  }
  const options = await readOptions(file, flags, terminal.env);
  if (check) {
    await writeOut(terminal, "the options are right\n");
    return ExitCode.Ok;
  }
  const logger = pino({ level: options.log.level, base: null }, pino.destination({ dest: 2, sync: true }));
  let node: RunningNode;
  try {
    node = await createNode(options, logger).start();
  } catch (error) {
    throw startError(error, options);
  }
  const { node: id, address, peerAddress } = node;
  const message: ServingMessage = { type: "serving", node: id, address, peerAddress };
  process.send?.(message);
  await writeOut(terminal, `node ${id} serves clients at ${address} and other nodes at ${peerAddress}\n`);
  const code = await reasonToStop(node, terminal);
  await node.stop();
  // The channel to the parent would keep this process alive.
  if (process.connected) process.disconnect();
  return code;
}
