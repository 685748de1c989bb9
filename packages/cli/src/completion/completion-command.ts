import { Argument, type Command } from "commander";
import type { CommandHost } from "../program/command-host.ts";
import { ExitCode } from "../program/exit-code.ts";
import { writeOut } from "../program/terminal.ts";
import { completionEntries, completionScript, type Shell, shells } from "./completion-script.ts";

/** `titan completion <shell>`. */
export function registerCompletion(program: Command, host: CommandHost): void {
  const command = program
    .command("completion")
    .description("print a script that lets your shell complete commands and options")
    .addArgument(new Argument("<shell>", "your shell").choices(shells));
  host.connect(command, () =>
    Promise.resolve(async ({ args, terminal }) => {
      await writeOut(terminal, completionScript(args[0] as Shell, completionEntries(program)));
      return ExitCode.Ok;
    }),
  );
}
