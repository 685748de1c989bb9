/** `titan scan`: keys and values of a range, in the order of the keys' bytes, as they arrive. */
import type { Entry } from "@titan-kv/client";
import { printExplanation, streamingCurlCommand } from "../connection/explain.ts";
import { resolveTarget } from "../connection/target.ts";
import { withClient } from "../connection/with-client.ts";
import { listingTable, type OutputFormat, toJson } from "../output/printer.ts";
import { previewOf } from "../output/value-text.ts";
import type { CommandCall } from "../program/command-host.ts";
import { ExitCode } from "../program/exit-code.ts";
import { type Terminal, writeOut } from "../program/terminal.ts";
import { entryJson } from "./origin-json.ts";
import type { ReadFlags } from "./read-flags.ts";
import { apiReadLevel, readLevelOf } from "./read-level.ts";

/** Which part of the keys. */
export interface RangeFlags {
  readonly start?: string;
  readonly end?: string;
  readonly limit?: number;
  readonly reverse?: boolean;
  readonly keysOnly?: boolean;
}

const nothing = new Uint8Array();
const lineFeed = "\n";

function withoutValue({ key, revision, origin }: Entry<unknown>): object {
  return { key, revision, origin };
}

function pageText(entries: readonly Entry<Uint8Array | undefined>[], keysOnly: boolean): string {
  return listingTable({
    columns: [
      { title: "key" },
      { title: "revision", align: "right" },
      ...(keysOnly ? [] : [{ title: "value" }]),
    ],
    items: entries,
    cells: ({ key, revision, value }) => [
      key,
      String(revision),
      ...(keysOnly ? [] : [previewOf(value ?? nothing)]),
    ],
    json: withoutValue,
  });
}

/** Prints entries as they arrive: a table per page, a JSON array, a JSON object per line, or the bare keys and values. */
class EntryPrinter {
  readonly #terminal: Terminal;
  readonly #format: OutputFormat;
  readonly #keysOnly: boolean;
  #count = 0;

  constructor(terminal: Terminal, format: OutputFormat, keysOnly: boolean) {
    this.#terminal = terminal;
    this.#format = format;
    this.#keysOnly = keysOnly;
  }

  async page(entries: readonly Entry<Uint8Array | undefined>[]): Promise<void> {
    if (entries.length === 0) return;
    const first = this.#count;
    this.#count += entries.length;
    await writeOut(this.#terminal, this.#render(entries, first));
  }

  async end(): Promise<void> {
    if (this.#format === "json") await writeOut(this.#terminal, this.#count === 0 ? "[]\n" : "\n]\n");
  }

  #render(entries: readonly Entry<Uint8Array | undefined>[], first: number): string | Uint8Array {
    switch (this.#format) {
      case "table":
        return pageText(entries, this.#keysOnly);
      case "ndjson":
        return entries.map((entry) => this.#json(entry) + lineFeed).join("");
      case "json":
        return entries
          .map((entry, index) => (first + index === 0 ? "[\n" : ",\n") + this.#json(entry))
          .join("");
      case "raw":
        return Buffer.concat(
          entries.flatMap(({ key, value }) =>
            this.#keysOnly
              ? [Buffer.from(key + lineFeed)]
              : [Buffer.from(`${key}\t`), value ?? nothing, Buffer.from(lineFeed)],
          ),
        );
    }
  }

  #json(entry: Entry<Uint8Array | undefined>): string {
    const { value } = entry;
    return toJson(value === undefined ? withoutValue(entry) : entryJson({ ...entry, value }));
  }
}

/** Prints a range. */
export async function scan(call: CommandCall<RangeFlags & ReadFlags>): Promise<ExitCode> {
  const { args, options, terminal } = call;
  const [prefix] = args;
  const { start, end, limit, reverse, keysOnly = false } = options;
  const range = { prefix, start, end, limit, reverse };
  const consistency = readLevelOf(options);
  if (options.explain === true) {
    const target = await resolveTarget(options, terminal.env);
    const body = { ...range, ...(keysOnly && { keysOnly }), ...apiReadLevel(options) };
    const method = "titan.kv.v1.KvService/Scan";
    await printExplanation(terminal, streamingCurlCommand(target, { method, body }));
    return ExitCode.Ok;
  }
  const printer = new EntryPrinter(terminal, options.output ?? "table", keysOnly);
  await withClient(call, async (client) => {
    const bounds = { ...range, consistency, timeoutMs: options.timeout };
    const entries = keysOnly ? client.scan({ ...bounds, keysOnly: true }) : client.scan(bounds);
    for await (const page of entries.pages()) await printer.page(page.entries);
  });
  await printer.end();
  return ExitCode.Ok;
}
