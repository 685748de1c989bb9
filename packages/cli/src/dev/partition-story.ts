/**
 * The study guide's partition, told by a real cluster: five nodes A to E, the network cut into [A,B,C] and [D,E]. The
 * majority goes on, the minority stops, and when the network is whole the minority has what it missed.
 *
 * Every shard has a copy on all five nodes here, so that the side with three of them has the majority of each.
 */
import type { Terminal } from "../program/terminal.ts";
import { paint, writeOut } from "../program/terminal.ts";
import type { DevCluster } from "./dev-cluster.ts";

/** What the story needs. */
export const storyNodes = 5;

/** Longest wait for what must come true, in milliseconds. */
const patienceMs = 30_000;
const pollMs = 100;
/** How long a node of the minority may think about a request, in milliseconds. */
const requestLimitMs = 1500;

interface Answer {
  readonly ok: boolean;
  readonly text: string;
  /** Why it failed, in the words of the node. */
  readonly message: string;
}

type Call = (node: number, method: "Put" | "Get", body: object) => Promise<Answer>;

/** A call as `curl` would make it, to one node and no other. */
function callThrough(cluster: DevCluster): Call {
  return async (node, method, body) => {
    try {
      const response = await fetch(`http://${cluster.address(node)}/titan.kv.v1.KvService/${method}`, {
        method: "POST",
        headers: { "content-type": "application/json", "connect-timeout-ms": String(requestLimitMs) },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(requestLimitMs * 2),
      });
      const { text = "", message = "" } = (await response.json()) as { text?: string; message?: string };
      return { ok: response.ok, text, message };
    } catch (error) {
      return { ok: false, text: "", message: (error as Error).message };
    }
  };
}

async function eventually(holds: () => Promise<boolean>): Promise<boolean> {
  const deadlineMs = performance.now() + patienceMs;
  while (!(await holds())) {
    if (performance.now() > deadlineMs) return false;
    // oxlint-disable-next-line no-await-in-loop -- waiting is the purpose
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
  return true;
}

/** A step: what happens, and whether it happened. */
interface Step {
  readonly told: string;
  readonly happens: () => Promise<{ readonly asTold: boolean; readonly seen: string }>;
}

const key = "balance";

function seen(answer: Answer): string {
  return answer.ok ? `answer: ${JSON.stringify(answer.text)}` : `refused: ${answer.message}`;
}

function steps(cluster: DevCluster, call: Call): Step[] {
  const [a, d, e] = [1, 4, 5];
  const read = (node: number): Promise<Answer> => call(node, "Get", { key });
  return [
    {
      told: "A client writes balance = 100 through A; E, at the other end, reads it.",
      happens: async () => {
        const isWritten = await eventually(async () => (await call(a, "Put", { key, text: "100" })).ok);
        const answer = await read(e);
        return { asTold: isWritten && answer.text === "100", seen: seen(answer) };
      },
    },
    {
      told: "The network is cut: [A,B,C] | [D,E]. A client on the side of A writes balance = 90; a majority is enough.",
      happens: async () => {
        await cluster.perform("partition", ["A,B,C", "D,E"]);
        let answer: Answer | undefined;
        const asTold = await eventually(async () => (answer = await call(a, "Put", { key, text: "90" })).ok);
        return { asTold, seen: asTold ? "written" : seen(answer!) };
      },
    },
    {
      told: "A client on the side of D tries balance = 50. Two of five are no majority: it must be refused.",
      happens: async () => {
        const answer = await call(d, "Put", { key, text: "50" });
        return { asTold: !answer.ok, seen: seen(answer) };
      },
    },
    {
      told: "It reads through E. Nobody there can know what the others have written: a strong read must be refused.",
      happens: async () => {
        const answer = await read(e);
        return { asTold: !answer.ok, seen: seen(answer) };
      },
    },
    {
      told: "It asks E for whatever it has, however old: the level LOCAL gives the old value, and says so by its name.",
      happens: async () => {
        const answer = await call(e, "Get", { key, read: { level: "READ_LEVEL_LOCAL" } });
        return { asTold: answer.text === "100", seen: seen(answer) };
      },
    },
    {
      told: "The network is whole again. E catches up and answers with what the majority wrote; 50 never happened.",
      happens: async () => {
        await cluster.perform("heal", []);
        let answer: Answer | undefined;
        const asTold = await eventually(async () => (answer = await read(e)).text === "90");
        return { asTold, seen: seen(answer!) };
      },
    },
  ];
}

/** Tells the story; false when something went otherwise. */
export async function tellPartitionStory(cluster: DevCluster, terminal: Terminal): Promise<boolean> {
  const call = callThrough(cluster);
  let number = 0;
  for (const { told, happens } of steps(cluster, call)) {
    number += 1;
    // oxlint-disable-next-line no-await-in-loop -- a story has an order
    await writeOut(terminal, `${paint(terminal, "bold", `${number}. ${told}`)}\n`);
    // oxlint-disable-next-line no-await-in-loop
    const { asTold, seen: what } = await happens();
    const verdict = asTold ? paint(terminal, "green", "as told") : paint(terminal, "red", "NOT as told");
    // oxlint-disable-next-line no-await-in-loop
    await writeOut(terminal, `   ${verdict}: ${what}\n`);
    if (!asTold) return false;
  }
  return true;
}
