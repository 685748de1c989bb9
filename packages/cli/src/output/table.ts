/** Tables of text for people. */
import { stripVTControlCharacters } from "node:util";

/** A column: its title and on which side its cells stand. */
export interface Column {
  readonly title: string;
  readonly align?: "left" | "right";
}

const gap = "  ";

/** Control characters, which could move the cursor or worse, made visible. */
export function printable(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, (character) => {
    const code = character.codePointAt(0)!;
    return `\\x${code.toString(16).padStart(2, "0")}`;
  });
}

function widthOf(cell: string): number {
  return Array.from(stripVTControlCharacters(cell)).length;
}

/** The rows under their titles, columns aligned, without trailing blanks. Ends with a line feed unless it is empty. */
export function renderTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  if (columns.length === 0) return "";
  const titles = columns.map(({ title }) => title);
  const widths = columns.map((_column, index) =>
    Math.max(...[titles, ...rows].map((row) => widthOf(row[index] ?? ""))),
  );
  const line = (cells: readonly string[]): string =>
    columns
      .map(({ align = "left" }, index) => {
        const cell = cells[index] ?? "";
        const padding = " ".repeat(widths[index]! - widthOf(cell));
        return align === "left" ? cell + padding : padding + cell;
      })
      .join(gap)
      .trimEnd();
  return [titles, ...rows].map((row) => `${line(row)}\n`).join("");
}
