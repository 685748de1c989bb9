import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import type { Terminal } from "../program/terminal.ts";
import { keyHelp, readKeys } from "./keys.ts";

function terminalWithKeyboard(): {
  readonly terminal: Terminal;
  readonly keyboard: PassThrough;
  readonly printed: () => string;
  readonly modes: boolean[];
} {
  const modes: boolean[] = [];
  const keyboard = Object.assign(new PassThrough(), {
    isTTY: true,
    setRawMode: (on: boolean): unknown => modes.push(on),
  });
  const stderr = new PassThrough();
  let text = "";
  stderr.on("data", (chunk: Buffer) => (text += chunk.toString()));
  const terminal = { stdin: keyboard, stdout: new PassThrough(), stderr, env: {} };
  return { terminal, keyboard, printed: () => text, modes };
}

test("keys name an action and a node, others are explained, q and Ctrl-C end it", async () => {
  const { terminal, keyboard, printed, modes } = terminalWithKeyboard();
  const done: string[] = [];
  const release = readKeys(terminal, {
    act: (action, words) => done.push([action, ...words].join(" ")),
    quit: () => done.push("quit"),
  });
  keyboard.write("k2p");
  keyboard.write("3r1x2c3sh");
  keyboard.write("?");
  keyboard.write("q\u0003");
  await new Promise((resolve) => setTimeout(resolve, 10));
  expect(done).toEqual([
    "kill 2",
    "pause 3",
    "restart 1",
    "partition 2",
    "resume 3",
    "status",
    "heal",
    "quit",
    "quit",
  ]);
  expect(printed()).toBe(`${keyHelp}\n`);
  release();
  expect(modes).toEqual([true, false]);
});

test("without a keyboard nothing is read", () => {
  const stdin = new PassThrough();
  const terminal = { stdin, stdout: new PassThrough(), stderr: new PassThrough(), env: {} };
  readKeys(terminal, { act: () => undefined, quit: () => undefined })();
  expect(stdin.listenerCount("data")).toBe(0);
});
