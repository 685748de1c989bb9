/** The report for people: docs/benchmarks/README.md, made from the results and from nothing else. */
import { contenderOf, type DriverName } from "./contenders.ts";
import { markdownTable, showMicros, showNumber, showRatio } from "./figures.ts";
import { aspects, etcdDrivers, judgeGoals, lostCells, redisDrivers } from "./goals.ts";
import { machineLine } from "./machine.ts";
import type { Cell, Workload } from "./measurement.ts";
import { ratioTo, type Results, type Row } from "./results.ts";

const workloadNames: Readonly<Record<Workload, string>> = {
  put: "Puts",
  get: "Linearizable gets",
  mixed: "Half puts, half linearizable gets",
};

function cellsOf(rows: readonly Row[]): Cell[] {
  return rows
    .map(({ cell }) => cell)
    .filter(
      (cell, index, all) =>
        all.findIndex((other) => JSON.stringify(other) === JSON.stringify(cell)) === index,
    );
}

function unique<T>(values: readonly T[]): T[] {
  return [...new Set(values)];
}

function systemColumns(row: Row): string[] {
  const { summary } = row;
  return [
    contenderOf(row.driver).label,
    showNumber(row.cell.callers),
    showNumber(summary.opsPerSecond),
    `${showNumber(summary.opsPerSecondMin)} – ${showNumber(summary.opsPerSecondMax)}`,
    showNumber(summary.p50Ms),
    showNumber(summary.p99Ms),
    showNumber(summary.p999Ms),
    showMicros(summary.serverCpuSecondsPerOp),
    showMicros(summary.driverCpuSecondsPerOp),
    summary.diskBytesPerOp === undefined ? "–" : showNumber(summary.diskBytesPerOp),
    String(summary.errors),
  ];
}

function workloadTables(results: Results): string {
  const cells = cellsOf(results.rows);
  const sections = unique(cells.map(({ valueBytes }) => valueBytes)).flatMap((valueBytes) =>
    unique(cells.map(({ workload }) => workload)).map((workload) => {
      const rows = results.rows
        .filter((row) => row.cell.valueBytes === valueBytes && row.cell.workload === workload)
        .toSorted((one, other) => one.cell.callers - other.cell.callers);
      const table = markdownTable(
        [
          "system, client",
          "callers",
          "operations/s",
          "slowest – fastest round",
          "p50 ms",
          "p99 ms",
          "p99.9 ms",
          "CPU µs/op, servers",
          "CPU µs/op, client",
          "disk B/op",
          "errors",
        ],
        rows.map(systemColumns),
      );
      return `### ${workloadNames[workload]}, ${showNumber(valueBytes)} B values\n\n${table}\n`;
    }),
  );
  return sections.join("\n");
}

function ratioTable(results: Results): string {
  const rows = cellsOf(results.rows).map((cell) => [
    workloadNames[cell.workload],
    showNumber(cell.valueBytes),
    showNumber(cell.callers),
    showRatio(ratioTo(results.rows, ["etcd3"], cell)),
    showRatio(ratioTo(results.rows, etcdDrivers, cell)),
    showRatio(ratioTo(results.rows, ["ioredis"], cell)),
    showRatio(ratioTo(results.rows, redisDrivers, cell)),
  ]);
  return markdownTable(
    [
      "work",
      "value, B",
      "callers",
      "etcd, usual client",
      "etcd, faster of both clients",
      "redis, usual client",
      "redis, faster of both settings",
    ],
    rows,
  );
}

function goalTable(results: Results): string {
  return markdownTable(
    ["goal", "value, B", "usual client", "faster of both", ""],
    judgeGoals(results).map(({ goal, valueBytes, usualRatio, ratio, isReached }) => [
      goal.text,
      showNumber(valueBytes),
      showRatio(usualRatio),
      showRatio(ratio),
      isReached ? "reached" : "**not reached**",
    ]),
  );
}

function lossTable(results: Results, rivals: readonly DriverName[]): string {
  const lost = lostCells(results, rivals);
  if (lost.length === 0) return "Nowhere.";
  return markdownTable(
    ["work", "value, B", "callers", ...aspects.map(({ name }) => `${name}: ours / theirs`)],
    lost.map(({ cell, comparisons }) => [
      workloadNames[cell.workload],
      showNumber(cell.valueBytes),
      showNumber(cell.callers),
      ...comparisons.map(({ own, theirs, isLost }) =>
        isLost ? `**${showNumber(own)} / ${showNumber(theirs)}**` : "won",
      ),
    ]),
  );
}

/** Where we lose to each rival that was measured. */
function lossSections(results: Results): string {
  if (!results.rows.some(({ driver }) => driver === "titan")) return "Titan-KV was not measured.";
  const rivals = [
    { name: "etcd", drivers: etcdDrivers },
    { name: "redis, which is not replicated", drivers: redisDrivers },
  ];
  return rivals
    .filter(({ drivers }) => results.rows.some(({ driver }) => drivers.includes(driver)))
    .map(({ name, drivers }) => `To ${name}:\n\n${lossTable(results, drivers)}`)
    .join("\n\n");
}

function clientTable(results: Results): string {
  return markdownTable(
    ["client", "work", "callers", "operations/s", "CPU µs/op, client", "CPU µs/op, stub"],
    results.clients.map(({ driver, cell, summary }) => [
      contenderOf(driver).label.split(", ").at(-1) ?? "",
      cell.workload,
      showNumber(cell.callers),
      showNumber(summary.opsPerSecond),
      showMicros(summary.driverCpuSecondsPerOp),
      showMicros(summary.serverCpuSecondsPerOp),
    ]),
    2,
  );
}

/**
 * What a cluster could do at most on these cores if clients cost nothing, where it had most callers. A single redis computes on
 * one thread, so the number of cores is no bound of it.
 */
function ceilingTable({ rows, machine }: Results): string {
  const mostCallers = Math.max(...rows.map(({ cell }) => cell.callers));
  return markdownTable(
    ["system, client", "work", "value, B", "operations/s", "at most, with a client that costs nothing"],
    rows
      .filter(({ driver, cell }) => cell.callers === mostCallers && contenderOf(driver).system !== "redis")
      .map(({ driver, cell, summary }) => [
        contenderOf(driver).label,
        cell.workload,
        showNumber(cell.valueBytes),
        showNumber(summary.opsPerSecond),
        showNumber(machine.cores / summary.serverCpuSecondsPerOp),
      ]),
    2,
  );
}

function errorList({ rows, clients }: Results): string {
  const failed = [...rows, ...clients].filter(({ summary }) => summary.errors > 0);
  if (failed.length === 0) return "No operation failed.";
  return failed
    .map(
      ({ driver, cell, summary }) =>
        `- ${contenderOf(driver).label}, ${cell.workload}, ${cell.valueBytes} B, ${cell.callers} callers: ` +
        `${summary.errors} errors, such as ${summary.errorMessages.map((message) => `\`${message}\``).join(", ")}`,
    )
    .join("\n");
}

function skippedLines({ skipped }: Results): string {
  return skipped
    .map(({ system, reason }) => `**${system} was left out: ${reason}.** Its rows are missing below.\n\n`)
    .join("");
}

/** The whole document. */
export function reportOf(results: Results): string {
  const { settings } = results;
  const provisional = results.quick
    ? "**These figures are of a quick run, one round of short measurements: provisional.**\n\n"
    : "";
  return `# Benchmarks: a cluster beside etcd and redis

<!-- Written by bench/cluster/run.ts. Changes made here are lost with its next run. -->

${provisional}${skippedLines(results)}Measured ${results.measuredAt.slice(0, 10)} on ${machineLine(results.machine)}.

![Operations per second of each system](cluster.svg)

## How

\`pnpm bench:cluster\` repeats it all (\`--quick\` in about a minute, \`--help\` for more). The rivals come from the system's packages:
\`apt-get install etcd-server redis-server\`. What is not installed is left out, visibly. Raw figures: [cluster.json](cluster.json).

- **Systems**: three nodes of Titan-KV (\`titan server\`, compiled, all options at their defaults), three members of etcd (defaults, except a quota that
  no run reaches), one redis with \`appendfsync always\`. Each acknowledges a write when it is synced to disk: Titan-KV and etcd on a majority of
  three replicas, redis on its only one. etcd's reads are its default, linearizable; so are ours. redis' reads are reads of one process.
- **One at a time**: a round runs each system alone, started anew on empty directories of the same disk, everything on loopback. ${settings.rounds} round(s); the
  figures are medians of rounds, with the slowest and fastest rate beside them.
- **Load**: a closed loop of 1, 64 or 256 callers in one process of its own for each client, each caller waiting for its answer. Keys of ${settings.keyBytes} B, chosen at
  random from ${showNumber(settings.keys)} that were put before; values that cannot be compressed. ${settings.warmupMs / 1000} s of warm-up before each
  measurement of ${settings.measureMs / 1000} s are not counted, nor are ${(settings.warmupMs * 4) / 1000} s of mixed load after each start.
- **Clients**: the usual npm clients with their defaults (etcd3; ioredis, and once more with its automatic pipelining). As etcd3 might be in etcd's way, a
  lean client of our own is measured too: unary gRPC by hand on \`node:http2\`, nothing batched, straight to the leader. etcd's own \`benchmark\` program is in no Debian package,
  so it is not used. All ratios "faster of both" are against the better of the two, cell by cell.
- **Cost**: processor time of the server processes from /proc/<pid>/stat, of the client from \`process.cpuUsage\`. Bytes to disk from the disk's own counter
  within the window; what a system leaves for the kernel to write later falls into later windows.
- **Few cores**: servers and client share ${results.machine.cores} cores, so a system that computes less per operation also leaves more to the others. On a machine for each node
  the figures of all three would be higher.

## Goals

${goalTable(results)}

What decides is the rate against the faster of a rival's two clients.

## How many times as many operations Titan-KV does

${ratioTable(results)}

## Where we lose

Cells in which a rival is better in something, with the better of its two clients for each figure.

${lossSections(results)}

## All figures

${workloadTables(results)}
## What the clients cost by themselves

Each client against a process that answers at once and does nothing else, ${settings.measureMs / 1000} s each, 256 B values. The rate may be bounded by that process; the
client's processor time is not.

${clientTable(results)}

On ${results.machine.cores} cores a client takes processor time from the servers. How much that matters: with a client that costs nothing, a cluster that keeps all cores
busy with the work that it did here would do no more than

${ceilingTable(results)}

by its measured processor time for an operation.

## Errors

${errorList(results)}
`;
}
