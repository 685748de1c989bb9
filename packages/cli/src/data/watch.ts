/** `titan watch`: changes of a key or a prefix, as they happen, until Ctrl-C or `--count`. */
import type { Watch, WatchBatch, WatchEvent } from "@titan-kv/client";
import { printExplanation, streamingCurlCommand } from "../connection/explain.ts";
import { resolveTarget } from "../connection/target.ts";
import { withClient } from "../connection/with-client.ts";
import { type OutputFormat, toJson } from "../output/printer.ts";
import { printable } from "../output/table.ts";
import { previewOf, toJsonValue } from "../output/value-text.ts";
import { usageError } from "../program/cli-error.ts";
import type { CommandCall } from "../program/command-host.ts";
import { ExitCode } from "../program/exit-code.ts";
import { Interruption } from "../program/interruption.ts";
import { isInteractive, note, type Terminal, writeOut } from "../program/terminal.ts";

/** What to follow, and how far. */
export interface WatchFlags {
  readonly key?: string;
  readonly from?: string;
  readonly count?: number;
}

type BytesEvent = WatchEvent<Uint8Array>;

/** Nodes mark progress this often when nothing happens, in milliseconds; more often when the time for a call is short. */
const progressIntervalMs = 5000;
const minProgressIntervalMs = 100;
/** Width of the longest kind of change. */
const kindWidth = 6;
const lineFeed = "\n";

/** An event for programs. */
function eventJson(
  { kind, key, value, shard, revision }: BytesEvent,
  resumeToken: string | undefined,
): string {
  return toJson({
    kind,
    key,
    ...(value === undefined ? {} : toJsonValue(value)),
    shard,
    revision,
    ...(resumeToken === undefined ? {} : { resumeToken }),
  });
}

function eventLine({ kind, key, value, shard, revision }: BytesEvent): string {
  const shown = value === undefined ? "" : `  ${printable(previewOf(value))}`;
  return `${kind.padEnd(kindWidth)}  ${printable(key)}  ${shard}/${revision}${shown}\n`;
}

/** Prints changes as they come. */
class EventPrinter {
  readonly #terminal: Terminal;
  readonly #format: OutputFormat;
  readonly #limit: number;
  #count = 0;
  /** After everything that was printed, or a little before it. */
  resumeToken: string | undefined;

  constructor(terminal: Terminal, format: OutputFormat, limit: number) {
    this.#terminal = terminal;
    this.#format = format;
    this.#limit = limit;
  }

  /** Prints until the limit is reached. */
  async follow(changes: Watch<Uint8Array>, onBegun: () => void): Promise<void> {
    for await (const batch of changes.batches()) {
      if (this.resumeToken === undefined) onBegun();
      await this.#print(batch);
      if (this.#count === this.#limit) return;
    }
  }

  async end(): Promise<void> {
    if (this.#format === "json") await writeOut(this.#terminal, this.#count === 0 ? "[]\n" : "\n]\n");
  }

  async #print({ events, resumeToken }: WatchBatch<Uint8Array>): Promise<void> {
    const shown = events.slice(0, this.#limit - this.#count);
    for (const [index, event] of shown.entries()) {
      const isLastOfBatch = index === events.length - 1;
      // oxlint-disable-next-line no-await-in-loop -- one line after the other
      await writeOut(this.#terminal, this.#render(event, isLastOfBatch ? resumeToken : undefined));
      this.#count += 1;
    }
    if (shown.length === events.length) this.resumeToken = resumeToken;
  }

  #render(event: BytesEvent, resumeToken: string | undefined): string | Uint8Array {
    const { kind, key, value } = event;
    switch (this.#format) {
      case "table":
        return eventLine(event);
      case "ndjson":
        return eventJson(event, resumeToken) + lineFeed;
      case "json":
        return (this.#count === 0 ? "[\n" : ",\n") + eventJson(event, resumeToken);
      case "raw":
        return Buffer.concat([
          Buffer.from(value === undefined ? `${kind}\t${key}` : `${kind}\t${key}\t`),
          ...(value === undefined ? [] : [value]),
          Buffer.from(lineFeed),
        ]);
    }
  }
}

/** Prints changes until there were enough, or a signal comes. */
export async function watch(call: CommandCall<WatchFlags>): Promise<ExitCode> {
  const { args, options, terminal } = call;
  const { key, from, count = Number.POSITIVE_INFINITY } = options;
  const [prefix] = args;
  if (key !== undefined && prefix !== undefined) throw usageError("give a prefix or --key, not both");
  if (options.explain === true) {
    const target = await resolveTarget(options, terminal.env);
    const body = { ...(key === undefined ? { prefix: prefix ?? "" } : { key }), resumeToken: from };
    const method = "titan.kv.v1.KvService/Watch";
    await printExplanation(terminal, streamingCurlCommand(target, { method, body }));
    return ExitCode.Ok;
  }
  using interruption = new Interruption(terminal, "stopping");
  const printer = new EventPrinter(terminal, options.output ?? "table", count);
  const intervalMs = Math.min(progressIntervalMs, (options.timeout ?? progressIntervalMs * 2) / 2);
  try {
    await withClient(call, async (client) => {
      const changes = client.watch({
        key,
        prefix,
        from,
        signal: interruption.signal,
        timeoutMs: options.timeout,
        progressIntervalMs: Math.max(minProgressIntervalMs, Math.floor(intervalMs)),
      });
      const described = key === undefined ? `keys that begin with ${JSON.stringify(prefix ?? "")}` : key;
      await printer.follow(changes, () => {
        if (isInteractive(terminal)) note(terminal, `watching ${described}; Ctrl-C stops`);
      });
    });
  } catch (error) {
    const { resumeToken } = printer;
    if (resumeToken !== undefined) note(terminal, `to go on from here: --from ${resumeToken}`);
    if (interruption.exitCode === undefined) throw error;
  }
  await printer.end();
  return interruption.exitCode ?? ExitCode.Ok;
}
