/** Prints what a command found, in the form that the user asked for. */
import { type Terminal, writeOut } from "../program/terminal.ts";
import { type Column, printable, renderTable } from "./table.ts";

/** The forms of output. */
export const outputFormats = ["table", "json", "ndjson", "raw"] as const;
export type OutputFormat = (typeof outputFormats)[number];

/** JSON, with integers that fit as numbers and all others as text. */
export function toJson(value: unknown, indent?: number): string {
  return JSON.stringify(
    value,
    (_key, part: unknown) =>
      typeof part === "bigint"
        ? part <= BigInt(Number.MAX_SAFE_INTEGER)
          ? Number(part)
          : String(part)
        : part,
    indent,
  );
}

/** A list of things that are alike. */
export interface Listing<Item> {
  readonly columns: readonly Column[];
  readonly items: readonly Item[];
  /** An item's cells, without control characters of its own. */
  readonly cells: (item: Item) => readonly string[];
  /** An item for programs. */
  readonly json: (item: Item) => object;
}

/** The list as a table for people. */
export function listingTable<Item>({ columns, items, cells }: Listing<Item>): string {
  return renderTable(
    columns,
    items.map((item) => cells(item).map(printable)),
  );
}

/** Prints a list: a table, one JSON array, one JSON object per line, or cells with tabs between them. */
export async function printListing<Item>(
  terminal: Terminal,
  format: OutputFormat,
  listing: Listing<Item>,
): Promise<void> {
  const { items, cells, json } = listing;
  const text = {
    table: () => listingTable(listing),
    json: () => `${toJson(items.map(json), 2)}\n`,
    ndjson: () => items.map((item) => `${toJson(json(item))}\n`).join(""),
    raw: () => items.map((item) => `${cells(item).map(printable).join("\t")}\n`).join(""),
  }[format]();
  if (text !== "") await writeOut(terminal, text);
}

/** Prints one thing: a text for people, or an object for programs. */
export async function printRecord(
  terminal: Terminal,
  format: OutputFormat,
  record: { readonly text: string; readonly json: object },
): Promise<void> {
  if (format === "json") await writeOut(terminal, `${toJson(record.json, 2)}\n`);
  else if (format === "ndjson") await writeOut(terminal, `${toJson(record.json)}\n`);
  else await writeOut(terminal, `${record.text}\n`);
}
