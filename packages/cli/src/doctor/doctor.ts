/** `titan doctor`: is this machine fit for a node, and is the cluster well? */
import { resolveTarget } from "../connection/target.ts";
import { printListing } from "../output/printer.ts";
import type { CommandCall } from "../program/command-host.ts";
import { ExitCode } from "../program/exit-code.ts";
import { paint } from "../program/terminal.ts";
import { checkCluster } from "./cluster-checks.ts";
import type { Finding } from "./finding.ts";
import { checkMemory, checkNode, checkPorts, checkSpace, checkSync } from "./machine-checks.ts";

interface DoctorFlags {
  readonly dir?: string;
  readonly machineOnly?: boolean;
}

const colours = { ok: "green", warning: "yellow", problem: "red" } as const;

/** Checks everything and says what to do. */
export async function doctor({ options, terminal }: CommandCall<DoctorFlags>): Promise<ExitCode> {
  const directory = options.dir ?? ".";
  const findings: Finding[] = [
    checkNode(),
    checkMemory(),
    await checkSpace(directory),
    await checkSync(directory),
    await checkPorts(),
  ];
  if (options.machineOnly !== true) {
    findings.push(...(await checkCluster(await resolveTarget(options, terminal.env))));
  }
  const format = options.output ?? "table";
  if (format === "table") {
    for (const { check, verdict, message, advice } of findings) {
      const mark = paint(terminal, colours[verdict], verdict.padEnd(7));
      terminal.stdout.write(`${mark}  ${check}: ${message}\n`);
      if (advice !== undefined) terminal.stdout.write(`         -> ${advice}\n`);
    }
  } else {
    await printListing(terminal, format, {
      columns: [{ title: "verdict" }, { title: "check" }, { title: "message" }, { title: "advice" }],
      items: findings,
      cells: ({ verdict, check, message, advice = "" }) => [verdict, check, message, advice],
      json: (finding) => finding,
    });
  }
  return findings.some(({ verdict }) => verdict === "problem") ? ExitCode.Unhealthy : ExitCode.Ok;
}
