/**
 * A caller without the client library that sends every write twice with the same identity, through two nodes, one after
 * the other or at once: as if every answer had been lost. The write must still happen once, and both answers must agree.
 */
import { randomBytes } from "node:crypto";
import { callNode, type JsonAnswer } from "../cluster/cluster-api.ts";
import type { ObjectOutput } from "../checks/object-model.ts";
import type { Random } from "../random.ts";
import type { History, RecordedOperation } from "./history.ts";
import { keyOf, type KeySpace } from "./key-space.ts";

/** How long each of the two calls may take, in milliseconds. */
const callTimeoutMs = 2000;

/** What such a caller is made of. */
export interface RepeatingCallerFields {
  readonly number: number;
  /** Client addresses of nodes. */
  readonly addresses: () => readonly string[];
  readonly keys: KeySpace;
  readonly history: History;
  readonly random: Random;
}

type Origin = NonNullable<RecordedOperation["origin"]>;

interface PutAnswer {
  readonly result: { readonly keyRevision?: string; readonly existed?: boolean; readonly applied?: boolean };
  readonly origin: { readonly shard?: number; readonly revision?: string; readonly node?: number };
}

type Attempt =
  | { readonly outcome: "ok"; readonly output: ObjectOutput; readonly origin: Origin }
  | { readonly outcome: "NOT_APPLIED" | "UNKNOWN"; readonly code: string };

function attemptOf({ status, body }: JsonAnswer): Attempt {
  if (status !== 200) {
    const text = JSON.stringify(body);
    const outcome = text.includes("OUTCOME_NOT_APPLIED") ? "NOT_APPLIED" : "UNKNOWN";
    return { outcome, code: /REASON_(?<reason>\w+)/.exec(text)?.groups?.["reason"] ?? `status ${status}` };
  }
  const { result, origin } = body as unknown as PutAnswer;
  const { shard = 0, revision = "0", node = 0 } = origin;
  return {
    outcome: "ok",
    output: { type: "written", revision: Number(result.keyRevision), existed: result.existed === true },
    origin: { shard, revision: Number(revision), node },
  };
}

export class RepeatingCaller {
  readonly #fields: RepeatingCallerFields;
  readonly #session = randomBytes(16).toString("base64");
  readonly #openedMs = Date.now();
  #seq = 0;

  constructor(fields: RepeatingCallerFields) {
    this.#fields = fields;
  }

  async act(): Promise<void> {
    const { number, keys, history, random } = this.#fields;
    const object = keys.pick(random);
    const cell = random.pick(["a", "b"] as const);
    this.#seq += 1;
    const value = `v${number}-${this.#seq}`;
    const body = {
      key: keyOf(object, cell),
      text: value,
      identity: {
        session: this.#session,
        openedMs: String(this.#openedMs),
        seq: String(this.#seq),
        // Each write is over before the next begins.
        acknowledgedBelow: String(this.#seq),
      },
    };
    const operation = history.begin({ client: number, object, input: { type: "put", cell, value } });
    const atOnce = random.fraction() < 0.3;
    const first = this.#send(body);
    if (!atOnce) await first;
    const attempts = await Promise.all([first, this.#send(body)]);
    history.end(operation, this.#merge(body.key, attempts));
  }

  async #send(body: unknown): Promise<Attempt> {
    const { addresses, random } = this.#fields;
    const address = random.pick(addresses());
    try {
      return attemptOf(await callNode(address, "titan.kv.v1.KvService/Put", body, callTimeoutMs));
    } catch (error) {
      return { outcome: "UNKNOWN", code: error instanceof Error ? error.name : "no answer" };
    }
  }

  /** What is known of a write by its two attempts. */
  #merge(key: string, attempts: readonly Attempt[]): Attempt {
    const answers = attempts.filter((attempt) => attempt.outcome === "ok");
    const [answer, other] = answers;
    if (answer !== undefined && other !== undefined) {
      const [one, two] = [JSON.stringify(answer.output), JSON.stringify(other.output)];
      if (one !== two)
        this.#fields.history.contradictions.push(
          `one write to ${key} had two answers: ${one} and, sent again, ${two}`,
        );
    }
    return answer ?? attempts.find(({ outcome }) => outcome === "UNKNOWN") ?? attempts[0]!;
  }
}
