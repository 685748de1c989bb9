import { InvalidArgumentError } from "commander";

const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Reads `1500`, `1500ms`, `30s`, `5m`, `2h`, `7d` as milliseconds. For options. */
export function parseDuration(text: string): number {
  const match = /^(?<amount>\d+(?:\.\d+)?)(?<unit>ms|s|m|h|d)?$/.exec(text);
  const unit = units[match?.groups?.["unit"] ?? "ms"] ?? 1;
  const durationMs = Math.round(Number(match?.groups?.["amount"] ?? Number.NaN) * unit);
  if (durationMs >= 1 && Number.isSafeInteger(durationMs)) return durationMs;
  throw new InvalidArgumentError("It must be a time such as 500ms, 30s, 5m, 2h or 7d.");
}
