/** The program from its words to its exit code. */
import { Command, CommanderError } from "commander";
import { registerBench } from "../bench/bench-command.ts";
import { registerCompletion } from "../completion/completion-command.ts";
import { registerContextCommands } from "../contexts/context-commands.ts";
import { registerDataCommands } from "../data/data-commands.ts";
import { registerDevCommands } from "../dev/dev-commands.ts";
import { registerMaintenanceCommands } from "../maintenance/maintenance-commands.ts";
import { registerOperationsCommands } from "../operations/operations-commands.ts";
import { registerDoctor } from "../doctor/doctor-command.ts";
import { renderTable } from "../output/table.ts";
import { registerTransferCommands } from "../transfer/transfer-commands.ts";
import { CommandHost } from "./command-host.ts";
import { ExitCode, exitCodeMeanings } from "./exit-code.ts";
import { addGlobalOptions } from "./global-options.ts";
import { note, type Terminal, writeOut } from "./terminal.ts";
import { version } from "./version.ts";

const joinHelp = `A node joins when it is started:

  titan server --data-directory DIR --join host:port

host:port is the client address of any member. The node gets an id and replicas; \`titan status\` shows it.
`;

/** Builds the tree of commands. */
export function createProgram(host: CommandHost): Command {
  const program = new Command("titan");
  program
    .description("A development cluster in one command, data commands and operations for Titan-KV.")
    .version(version)
    .helpCommand("help [command]", "say what a command does; `titan help exit-codes` lists the exit codes")
    .exitOverride()
    .configureHelp({ showGlobalOptions: true })
    // Commander's own messages have two lines and no next step; `reportUsage` prints them.
    .configureOutput({
      writeOut: (text) => void host.terminal.stdout.write(text),
      writeErr: () => undefined,
    });
  addGlobalOptions(program);
  registerDevCommands(program, host);
  registerDataCommands(program, host);
  registerTransferCommands(program, host);
  registerOperationsCommands(program, host);
  registerMaintenanceCommands(program, host);
  registerBench(program, host);
  registerDoctor(program, host);
  registerContextCommands(program, host);
  registerCompletion(program, host);
  program
    .command("join")
    .description("how a node becomes a member of a cluster that exists")
    .action(() => writeOut(host.terminal, joinHelp));
  program
    .command("server")
    .description("run one node; `titan server --help` lists its options")
    .allowUnknownOption();
  return program;
}

function exitCodeTable(): string {
  return renderTable(
    [{ title: "code", align: "right" }, { title: "meaning" }],
    exitCodeMeanings.map(([code, meaning]) => [String(code), meaning]),
  );
}

/** Runs the program; never rejects. Everything is written when it resolves. */
export async function runCli(words: readonly string[], terminal: Terminal): Promise<ExitCode> {
  try {
    if (words[0] === "server") {
      const { serve } = await import("../server/serve.ts");
      return await serve(words.slice(1), terminal);
    }
    if (words[0] === "help" && words[1] === "server") {
      const { serve } = await import("../server/serve.ts");
      return await serve(["--help"], terminal);
    }
    if (words[0] === "help" && words[1] === "exit-codes") {
      await writeOut(terminal, exitCodeTable());
      return ExitCode.Ok;
    }
    const host = new CommandHost(terminal);
    const program = createProgram(host);
    await program.parseAsync(words, { from: "user" });
    return host.exitCode ?? ExitCode.Ok;
  } catch (error) {
    if (error instanceof CommanderError) return reportUsage(error, words, terminal);
    const { debugText, describeFailure } = await import("./failure-report.ts");
    const { exitCode, line } = describeFailure(error);
    note(terminal, line);
    if (words.includes("--debug") || terminal.env["TITAN_DEBUG"] === "1") note(terminal, debugText(error));
    return exitCode;
  }
}

function reportUsage(error: CommanderError, words: readonly string[], terminal: Terminal): ExitCode {
  if (error.exitCode === 0) return ExitCode.Ok;
  const [first, topic] = words;
  if (error.code === "commander.help" && first === "help" && topic !== undefined) {
    note(terminal, `titan: there is no command ${JSON.stringify(topic)}; \`titan help\` lists them`);
    return ExitCode.Usage;
  }
  if (error.code === "commander.help") {
    // Called without a command: the help was meant for standard error, which is where mistakes go.
    note(terminal, "titan: name a command; `titan help` lists them");
    return ExitCode.Usage;
  }
  const message = error.message
    .replace(/^error: /, "")
    .replaceAll("\n", " ")
    .trim()
    .replace(/\.$/, "");
  const command = words.find((word) => !word.startsWith("-"));
  const help =
    error.code === "commander.unknownCommand" || command === undefined
      ? "titan help"
      : `titan help ${command}`;
  note(terminal, `titan: ${message}; \`${help}\` shows what there is`);
  return ExitCode.Usage;
}
