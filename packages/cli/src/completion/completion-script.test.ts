import { spawnSync } from "node:child_process";
import { PassThrough } from "node:stream";
import { describe, expect, test } from "vitest";
import { CommandHost } from "../program/command-host.ts";
import { createProgram } from "../program/run-cli.ts";
import { completionEntries, completionScript } from "./completion-script.ts";

const terminal = { stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough(), env: {} };
const entries = completionEntries(createProgram(new CommandHost(terminal)));

function complete(...words: string[]): string[] {
  const quoted = words.map((word) => `'${word}'`).join(" ");
  const script = `${completionScript("bash", entries)}
COMP_WORDS=(titan ${quoted}); COMP_CWORD=${words.length}; _titan; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr } = spawnSync("bash", ["-c", script], { encoding: "utf8" });
  expect(stderr).toBe("");
  return stdout.split("\n").filter((word) => word !== "");
}

describe("the script for bash", () => {
  test("completes commands, their subcommands and their options", () => {
    expect(complete("im")).toEqual(["import"]);
    expect(complete("dev", "par")).toEqual(["partition"]);
    expect(complete("put", "key", "--if")).toEqual(["--if-absent", "--if-present", "--if-revision"]);
    expect(complete("context", "")).toEqual(expect.arrayContaining(["list", "set", "use", "remove"]));
    expect(complete("get", "key", "--endp")).toEqual(["--endpoint"]);
  });

  test("is not led astray by arguments that are called like commands", () => {
    expect(complete("get", "put", "--if")).toEqual([]);
  });
});

test("every command has an entry in the script for fish", () => {
  const fish = completionScript("fish", entries);
  for (const { path } of entries.filter((entry) => entry.path !== "")) {
    expect(fish).toContain(`-a ${path.split(" ").at(-1)} `);
  }
});
