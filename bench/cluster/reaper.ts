/**
 * Ends what a benchmark started, when the benchmark itself is gone without having done so: killed, or crashed.
 *
 * A process of its own whose only tie to the benchmark is its channel. It is told of every process and directory; when the
 * channel closes, it kills the former and removes the latter. Started by `child-processes.ts`.
 */
import { rmSync } from "node:fs";

/** What the reaper is told. */
export type ReaperMessage =
  | { readonly type: "started" | "ended"; readonly pid: number }
  | { readonly type: "directory"; readonly path: string };

const pids = new Set<number>();
const directories = new Set<string>();
/** Time for killed processes to let go of their files, in milliseconds. */
const settleMs = 200;

process.on("message", (message: ReaperMessage) => {
  if (message.type === "directory") directories.add(message.path);
  else if (message.type === "started") pids.add(message.pid);
  else pids.delete(message.pid);
});

// Ctrl-C reaches every process of the terminal. This one must outlive the others.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => undefined);

process.once("disconnect", () => {
  for (const pid of pids) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It has ended by itself.
    }
  }
  setTimeout(() => {
    for (const path of directories) rmSync(path, { recursive: true, force: true });
  }, settleMs);
});
