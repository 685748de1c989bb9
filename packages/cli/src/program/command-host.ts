import type { Command } from "commander";
import type { ExitCode } from "./exit-code.ts";
import type { GlobalOptions } from "./global-options.ts";
import type { Terminal } from "./terminal.ts";

/** A command as it was called. */
export interface CommandCall<Options extends object = object> {
  /** Its arguments, in order, those of a list one after the other. */
  readonly args: readonly string[];
  readonly options: Options & GlobalOptions;
  readonly terminal: Terminal;
}

/** Does what a command is for. Throws what `describeFailure` can tell people about. */
export type CommandAction<Options extends object> = (call: CommandCall<Options>) => Promise<ExitCode>;

/** Ties commands to what they do: the code of a command is loaded when it is called, so that others start faster. */
export class CommandHost {
  readonly terminal: Terminal;
  /** What the command that was called returned. */
  exitCode: ExitCode | undefined;

  constructor(terminal: Terminal) {
    this.terminal = terminal;
  }

  /** Makes `command` do `load()`'s action. */
  connect<Options extends object>(command: Command, load: () => Promise<CommandAction<Options>>): void {
    command.action(async () => {
      const action = await load();
      const options = command.optsWithGlobals<Options & GlobalOptions>();
      this.exitCode = await action({ args: command.args, options, terminal: this.terminal });
    });
  }
}
