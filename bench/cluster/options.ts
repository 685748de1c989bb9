/** What the command line asks for. */
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Contender, contenders } from "./contenders.ts";
import type { Cell, Workload } from "./measurement.ts";

export const usage = `Compares a cluster of Titan-KV with etcd and redis on this machine, one after the other.

  --quick              about a minute: one round, 256 B values, short measurements
  --rounds <n>         rounds, in each of which every system runs once (default 3)
  --seconds <n>        measured time of each cell (default 4)
  --warmup <n>         seconds before that, not counted (default 1)
  --keys <n>           size of the key space (default 50000)
  --callers <list>     default 1,64,256
  --values <list>      bytes of values, default 256,1024
  --workloads <list>   default put,get,mixed
  --only <list>        drivers: ${contenders.map(({ driver }) => driver).join(", ")}
  --no-clients         leave out what the clients themselves cost
  --directory <path>   on the disk to be measured (default the system's directory for temporary files)
  --report <path>      where cluster.json, cluster.svg and README.md go (default docs/benchmarks, when nothing is left out)
`;

export interface RunOptions {
  readonly quick: boolean;
  readonly rounds: number;
  readonly measureMs: number;
  readonly warmupMs: number;
  readonly keys: number;
  readonly contenders: readonly Contender[];
  readonly cells: readonly Cell[];
  /** Whether the clients are measured against servers that do nothing. */
  readonly measuresClients: boolean;
  readonly directory: string;
  /** Where reports go; undefined prints only. */
  readonly reportDirectory: string | undefined;
}

const workloads: readonly Workload[] = ["put", "get", "mixed"];
const defaultReportDirectory = join(import.meta.dirname, "../../docs/benchmarks");

function numbers(name: string, text: string): number[] {
  const found = text.split(",").map(Number);
  if (found.length === 0 || !found.every((value) => value > 0))
    throw new TypeError(`--${name}: ${text} is not a list of numbers above 0`);
  return found;
}

function number(name: string, text: string): number {
  const [value = 0, ...more] = numbers(name, text);
  if (more.length > 0) throw new TypeError(`--${name}: takes one number`);
  return value;
}

/** Members of a list, in their usual order. */
function chosen<T>(
  name: string,
  text: string | undefined,
  all: readonly T[],
  nameOf: (each: T) => string,
): readonly T[] {
  if (text === undefined) return all;
  const wanted = text.split(",");
  const unknown = wanted.filter((each) => !all.some((known) => nameOf(known) === each));
  if (unknown.length > 0) throw new TypeError(`--${name}: there is no ${unknown.join(", ")}`);
  return all.filter((each) => wanted.includes(nameOf(each)));
}

/** The options, or undefined when help was asked for. Throws a TypeError when they are wrong. */
export function readOptions(args: readonly string[]): RunOptions | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      help: { type: "boolean", short: "h", default: false },
      quick: { type: "boolean", default: false },
      rounds: { type: "string" },
      seconds: { type: "string" },
      warmup: { type: "string" },
      keys: { type: "string" },
      callers: { type: "string" },
      values: { type: "string" },
      workloads: { type: "string" },
      only: { type: "string" },
      "no-clients": { type: "boolean", default: false },
      directory: { type: "string", default: tmpdir() },
      report: { type: "string" },
    },
  });
  if (values.help) return undefined;
  const { quick } = values;
  const isWhole = [values.callers, values.values, values.workloads, values.only].every(
    (each) => each === undefined,
  );
  const valueSizes = numbers("values", values.values ?? (quick ? "256" : "256,1024"));
  const callerCounts = numbers("callers", values.callers ?? "1,64,256");
  const chosenWorkloads = chosen("workloads", values.workloads, workloads, (each) => each);
  return {
    quick,
    rounds: number("rounds", values.rounds ?? (quick ? "1" : "3")),
    measureMs: 1000 * number("seconds", values.seconds ?? (quick ? "0.7" : "4")),
    warmupMs: 1000 * number("warmup", values.warmup ?? (quick ? "0.3" : "1")),
    keys: number("keys", values.keys ?? (quick ? "10000" : "50000")),
    contenders: chosen("only", values.only, contenders, ({ driver }) => driver),
    cells: valueSizes.flatMap((valueBytes) =>
      chosenWorkloads.flatMap((workload) =>
        callerCounts.map((callers) => ({ workload, callers, valueBytes })),
      ),
    ),
    measuresClients: !values["no-clients"],
    directory: values.directory,
    reportDirectory: values.report ?? (isWhole && !values["no-clients"] ? defaultReportDirectory : undefined),
  };
}
