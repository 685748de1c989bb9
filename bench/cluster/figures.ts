/** How numbers are written in tables and pictures. */

/** 1,234 or 12.3 or 0.56: whole numbers as they are, others with three digits. */
export function showNumber(value: number): string {
  if (Number.isNaN(value)) return "–";
  if (value >= 100 || Number.isInteger(value)) return Math.round(value).toLocaleString("en-US");
  if (value >= 10) return value.toFixed(1);
  return value.toFixed(2);
}

/** 12 × or 0.45 ×; a dash when there is nothing to compare with. */
export function showRatio(ratio: number | undefined): string {
  if (ratio === undefined) return "–";
  return `${ratio >= 10 ? ratio.toFixed(0) : ratio.toFixed(ratio >= 1 ? 1 : 2)} ×`;
}

/** Microseconds of processor time. */
export function showMicros(seconds: number): string {
  return showNumber(seconds * 1e6);
}

/** A table in Markdown whose first columns are text and whose others are numbers. */
export function markdownTable(
  columns: readonly string[],
  rows: readonly (readonly string[])[],
  textColumns = 1,
): string {
  const rule = columns.map((_column, index) => (index < textColumns ? "---" : "---:"));
  return [tableLine(columns), tableLine(rule), ...rows.map(tableLine)].join("\n");
}

function tableLine(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}
