/** Commands by key in the terminal of a running development cluster: a letter, and for some of them a node's digit. */
import type { Terminal } from "../program/terminal.ts";
import { note } from "../program/terminal.ts";
import type { DevAction } from "./control-protocol.ts";

export const keyHelp =
  "keys: s status · k2 kill node 2 · p2 pause · c2 resume · r2 restart · x2 cut node 2 off · h heal · q quit";

const withNode: Readonly<Record<string, DevAction>> = {
  k: "kill",
  p: "pause",
  c: "resume",
  r: "restart",
  x: "partition",
};

/** What the keys do. */
export interface KeyHandlers {
  readonly act: (action: DevAction, words: readonly string[]) => void;
  readonly quit: () => void;
}

/** Reads keys one by one; returns how to stop reading. Does nothing where there is no keyboard. */
export function readKeys(terminal: Terminal, handlers: KeyHandlers): () => void {
  const input = terminal.stdin;
  if (input.isTTY !== true) return () => undefined;
  let pending: DevAction | undefined;
  const onKey = (chunk: Buffer): void => {
    for (const key of chunk.toString("latin1")) {
      if (key === "\u0003" || key === "\u0004" || key === "q") handlers.quit();
      else if (pending !== undefined && /[1-9]/.test(key)) {
        handlers.act(pending, [key]);
        pending = undefined;
      } else if (key === "s") handlers.act("status", []);
      else if (key === "h") handlers.act("heal", []);
      else if (withNode[key] === undefined) note(terminal, keyHelp);
      else pending = withNode[key];
    }
  };
  input.setRawMode?.(true);
  input.on("data", onKey);
  return () => {
    input.off("data", onKey);
    input.setRawMode?.(false);
    input.pause();
  };
}
