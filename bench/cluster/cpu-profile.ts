/** Reads what `node --cpu-prof` writes: where a process spent its time while a load ran. */

/** The parts of a .cpuprofile that are used here. Times are microseconds of the monotonic clock. */
export interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  readonly startTime: number;
  /** Id of the node that was running, for each sample. */
  readonly samples: readonly number[];
  /** Time since the sample before. */
  readonly timeDeltas: readonly number[];
}

interface ProfileNode {
  readonly id: number;
  readonly callFrame: {
    readonly functionName: string;
    readonly url: string;
    /** Counted from 0. */
    readonly lineNumber: number;
  };
  readonly children?: readonly number[];
}

/** One function, or one of V8's own states such as "(idle)". */
export interface FunctionTime {
  readonly name: string;
  /** Where it is, shortened to what a reader of the repository needs. */
  readonly place: string;
  readonly owner: string;
  readonly selfMicros: number;
  /** With everything that it called. */
  readonly totalMicros: number;
}

/** A stretch of the monotonic clock, as `process.hrtime` tells it. */
export interface Period {
  readonly fromMicros: number;
  readonly toMicros: number;
}

/** Whose code it is: a package of ours, one of others, Node.js, or one of V8's states. */
export function ownerOf(url: string, functionName: string): string {
  if (functionName.startsWith("(")) return functionName;
  if (url === "") return "node (native)";
  if (url.startsWith("node:")) return "node (JavaScript)";
  const installed = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1];
  if (installed !== undefined) return installed;
  const own = /\/packages\/([^/]+)\//.exec(url)?.[1] ?? (url.includes("/proto/") ? "proto" : undefined);
  return own === undefined ? "bench" : `@titan-kv/${own}`;
}

function placeOf(url: string, lineNumber: number): string {
  if (url === "") return "";
  const short = url.replace(/^.*\/(?=(?:packages|proto|bench|node_modules)\/)/, "");
  return `${short}:${lineNumber + 1}`;
}

/** Self time of each node within a period. */
function selfTimes(profile: CpuProfile, { fromMicros, toMicros }: Period): Map<number, number> {
  const times = new Map<number, number>();
  let nowMicros = profile.startTime;
  for (const [index, id] of profile.samples.entries()) {
    nowMicros += profile.timeDeltas[index] ?? 0;
    // A sample stands for the time until the next one.
    const micros = profile.timeDeltas[index + 1] ?? 0;
    if (nowMicros >= fromMicros && nowMicros < toMicros) times.set(id, (times.get(id) ?? 0) + micros);
  }
  return times;
}

/** Every function that ran in a period, the one with the most self time first. */
export function functionTimes(profile: CpuProfile, period: Period): FunctionTime[] {
  const self = selfTimes(profile, period);
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const found = new Map<string, FunctionTime & { selfMicros: number; totalMicros: number }>();
  const visit = (node: ProfileNode, above: ReadonlySet<string>, caller: string): number => {
    const { functionName, url, lineNumber } = node.callFrame;
    const isState = functionName.startsWith("(");
    // What a native function does depends on who asked for it.
    const place = url === "" && !isState ? `for ${caller}` : placeOf(url, lineNumber);
    const key = `${functionName}\n${url}\n${place}`;
    const entry = found.get(key) ?? {
      name: functionName === "" ? "(anonymous)" : functionName,
      place,
      owner: ownerOf(url, functionName),
      selfMicros: 0,
      totalMicros: 0,
    };
    found.set(key, entry);
    const selfMicros = self.get(node.id) ?? 0;
    let totalMicros = selfMicros;
    const below = above.has(key) ? above : new Set([...above, key]);
    const isOurs = ownerOf(url, functionName).startsWith("@titan-kv/");
    for (const id of node.children ?? []) {
      const child = nodes.get(id);
      if (child !== undefined) totalMicros += visit(child, below, isOurs ? place : caller);
    }
    entry.selfMicros += selfMicros;
    // A function that called itself already counts what it called further down.
    if (!above.has(key)) entry.totalMicros += totalMicros;
    return totalMicros;
  };
  const [root] = profile.nodes;
  if (root !== undefined) visit(root, new Set(), "Node.js itself");
  return [...found.values()]
    .filter(({ totalMicros }) => totalMicros > 0)
    .toSorted((one, other) => other.selfMicros - one.selfMicros);
}

/** Self time by owner, the largest first. */
export function ownerTimes(functions: readonly FunctionTime[]): [owner: string, micros: number][] {
  const times = new Map<string, number>();
  for (const { owner, selfMicros } of functions) times.set(owner, (times.get(owner) ?? 0) + selfMicros);
  return [...times].filter(([, micros]) => micros > 0).toSorted(([, one], [, other]) => other - one);
}
