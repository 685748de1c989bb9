/** `titan dev`: starts a development cluster and looks after it until it is told to stop. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ExitCode } from "../program/exit-code.ts";
import { ProgressBar } from "../program/progress-bar.ts";
import { note, type Terminal, writeOut } from "../program/terminal.ts";
import type { DevAction, DevAnswer, DevStatus } from "./control-protocol.ts";
import { ControlServer } from "./control-server.ts";
import { DevCluster } from "./dev-cluster.ts";
import { DevDirectory, type DevWishes } from "./dev-layout.ts";
import { greeting } from "./greeting.ts";
import { keyHelp, readKeys } from "./keys.ts";
import { tellPartitionStory } from "./partition-story.ts";

/** What `titan dev` was asked to do. */
export interface DevOptions extends DevWishes {
  readonly directory: string;
  /** Tell this story with the cluster, then stop. */
  readonly story?: "partition" | undefined;
}

/** Runs until Ctrl-C, SIGTERM, the key q, or `titan dev stop`. */
export async function runDev(options: DevOptions, terminal: Terminal): Promise<ExitCode> {
  const startedAtMs = performance.now();
  const directory = new DevDirectory(options.directory);
  const { promise: stopped, resolve: stop } = Promise.withResolvers<void>();
  let cluster: DevCluster | undefined;
  const handler = async (action: DevAction, words: readonly string[]): Promise<DevAnswer> => {
    if (cluster === undefined) return { ok: false, message: "the cluster is still starting" };
    const text = action === "stop" ? "the cluster stops" : await cluster.perform(action, words);
    if (action === "stop") stop();
    else if (action !== "status") note(terminal, text);
    return { ok: true, text, status: cluster.status() };
  };
  await prepareDirectory(directory);
  await using cleanup = new AsyncDisposableStack();
  const control = await ControlServer.open(directory.controlPath, ({ action, words }) =>
    handler(action, words),
  );
  cleanup.defer(() => control.close());
  const { plan, isNew } = await directory.openPlan(options);
  const signals = listenForSignals(stop);
  cleanup.defer(signals.release);
  const starting = new DevCluster({ directory, plan, onEvent: (text) => note(terminal, text) });
  cleanup.defer(() => starting.stop());
  await withProgress(terminal, `starting ${plan.nodes.length} nodes`, async () => {
    await starting.start();
    await Promise.race([starting.ready(), stopped]);
  });
  cluster = starting;
  const tookMs = performance.now() - startedAtMs;
  if (options.story !== undefined) {
    const asTold = await Promise.race([tellPartitionStory(cluster, terminal), stopped]);
    if (signals.wasSent) return ExitCode.Interrupted;
    return asTold === true ? ExitCode.Ok : ExitCode.Defect;
  }
  if (!signals.wasSent) {
    await writeOut(terminal, `${greeting(cluster.status(), directory, { isNew, tookMs }, terminal)}\n`);
  }
  cleanup.defer(listenForKeys(terminal, handler, stop));
  await stopped;
  note(terminal, "stopping the nodes; the data stays");
  return ExitCode.Ok;
}

/** What is in there is nobody's source code: version control is told to leave it alone. */
async function prepareDirectory(directory: DevDirectory): Promise<void> {
  await mkdir(directory.path, { recursive: true });
  await writeFile(join(directory.path, ".gitignore"), "*\n");
}

function listenForSignals(stop: () => void): { readonly wasSent: boolean; readonly release: () => void } {
  let wasSent = false;
  const onSignal = (): void => {
    wasSent = true;
    stop();
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, onSignal);
  return {
    get wasSent() {
      return wasSent;
    },
    release: () => {
      for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.off(signal, onSignal);
    },
  };
}

function listenForKeys(
  terminal: Terminal,
  handler: (action: DevAction, words: readonly string[]) => Promise<DevAnswer>,
  stop: () => void,
): () => void {
  const release = readKeys(terminal, {
    quit: stop,
    act: (action, words) => {
      handler(action, words).then(
        (answer) => {
          if (action === "status" && answer.ok) note(terminal, describeStatus(answer.status));
        },
        (error: unknown) => note(terminal, (error as Error).message),
      );
    },
  });
  if (terminal.stdin.isTTY === true) note(terminal, keyHelp);
  return release;
}

/** The cluster in a few lines. */
function describeStatus(status: DevStatus): string {
  const nodes = status.nodes.map(
    ({ node, name, state, pid, address }) =>
      `${name}  node ${node}  ${state.padEnd(8)} ${address}${pid === undefined ? "" : `  process ${pid}`}`,
  );
  const letters = new Map(status.nodes.map(({ node, name }) => [node, name]));
  const cut = status.cut.map(([from, to]) => `${letters.get(from)}>${letters.get(to)}`).join(" ");
  return [...nodes, cut === "" ? "the network is whole" : `cut: ${cut}`].join("\n");
}

async function withProgress(terminal: Terminal, text: string, work: () => Promise<void>): Promise<void> {
  const progress = new ProgressBar(terminal, text);
  try {
    await work();
    progress.end(`${text}: done`);
  } catch (error) {
    progress.end(`${text}: failed`);
    throw error;
  }
}
