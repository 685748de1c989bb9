/** A picture of the operations per second: one panel for each workload and number of callers, one bar for each contender. */
import { contenderOf, type DriverName } from "./contenders.ts";
import { showNumber } from "./figures.ts";
import type { Workload } from "./measurement.ts";
import type { Results, Row } from "./results.ts";

const panelWidth = 300;
const panelGap = 24;
const labelHeight = 22;
const barHeight = 15;
const barPitch = 20;
const margin = 16;
const legendHeight = 58;
/** Room right of the longest bar for its number. */
const numberWidth = 64;

/** Colours that can be told apart on white and on near-black, ours strongest. */
const colours: Readonly<Record<DriverName, string>> = {
  titan: "#e4572e",
  etcd3: "#3f8fc4",
  "etcd-lean": "#84bfe2",
  ioredis: "#5f9e6e",
  "ioredis-auto-pipelining": "#a3cfae",
};

const workloadTitles: Readonly<Record<Workload, string>> = {
  put: "puts",
  get: "linearizable gets",
  mixed: "half and half",
};

/** Follows the reader's theme. A page that shows the picture as an image passes the theme on. */
const style = `
  text { font: 12px system-ui, sans-serif; fill: #24292f }
  .title { font-weight: 600 }
  .quiet { fill: #57606a }
  .axis { stroke: #8c959f }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .quiet { fill: #9198a1 }
    .axis { stroke: #6e7681 }
  }`;

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}

function bar(row: Row, y: number, largest: number): string {
  const rate = row.summary.opsPerSecond;
  const width = Math.max(1, (rate / largest) * (panelWidth - numberWidth));
  const name = escaped(contenderOf(row.driver).label);
  return (
    `<rect x="0" y="${y}" width="${width.toFixed(1)}" height="${barHeight}" rx="2" fill="${colours[row.driver]}">` +
    `<title>${name}: ${showNumber(rate)} operations/s</title></rect>` +
    `<text x="${(width + 6).toFixed(1)}" y="${y + barHeight - 3}">${showNumber(rate)}</text>`
  );
}

function panel(rows: readonly Row[], title: string, x: number, y: number): string {
  const largest = Math.max(...rows.map(({ summary }) => summary.opsPerSecond), 1);
  const bars = rows.map((row, index) => bar(row, labelHeight + index * barPitch, largest));
  const bottom = labelHeight + rows.length * barPitch;
  return (
    `<g transform="translate(${x} ${y})"><text class="title" y="14">${escaped(title)}</text>` +
    `<line class="axis" x1="0" x2="0" y1="${labelHeight - 3}" y2="${bottom}"/>${bars.join("")}</g>`
  );
}

function legend(drivers: readonly DriverName[], columns: number): string {
  const entries = drivers.map((driver, index) => {
    const x = (index % columns) * (panelWidth + panelGap);
    const y = Math.floor(index / columns) * 18;
    return (
      `<rect x="${x}" y="${y}" width="12" height="12" rx="2" fill="${colours[driver]}"/>` +
      `<text x="${x + 18}" y="${y + 10}">${escaped(contenderOf(driver).label)}</text>`
    );
  });
  return entries.join("");
}

/** The picture as SVG, of the smallest values that were measured. */
export function chartOf({ rows }: Results): string {
  const valueBytes = Math.min(...rows.map(({ cell }) => cell.valueBytes));
  const shown = rows.filter(({ cell }) => cell.valueBytes === valueBytes);
  const workloads = [...new Set(shown.map(({ cell }) => cell.workload))];
  const callers = [...new Set(shown.map(({ cell }) => cell.callers))].toSorted((one, other) => one - other);
  const drivers = [...new Set(shown.map(({ driver }) => driver))];
  const panelHeight = labelHeight + drivers.length * barPitch + panelGap;
  const width = margin * 2 + workloads.length * panelWidth + (workloads.length - 1) * panelGap;
  const headHeight = margin + 24 + legendHeight;
  const height = headHeight + callers.length * panelHeight;
  const panels = callers.flatMap((count, line) =>
    workloads.map((workload, column) =>
      panel(
        shown.filter(({ cell }) => cell.workload === workload && cell.callers === count),
        `${workloadTitles[workload]}, ${count} caller${count === 1 ? "" : "s"}`,
        margin + column * (panelWidth + panelGap),
        headHeight + line * panelHeight,
      ),
    ),
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="Operations per second of each system">
<style>${style}
</style>
<g transform="translate(${margin} ${margin})"><text class="title" y="12">Durable operations per second, ${showNumber(valueBytes)} B values</text><text class="quiet" x="330" y="12">each panel has its own scale</text><g transform="translate(0 28)">${legend(drivers, Math.max(1, workloads.length))}</g></g>
${panels.join("\n")}
</svg>
`;
}
