import type { DataFile } from "../log/data-file.ts";
import type { ResolvedMergePolicy } from "../options.ts";

/** Whether a file holds enough that a merge would win back to be taken into one. */
export function isWorthMerging(file: DataFile, policy: ResolvedMergePolicy, nowMs: number): boolean {
  if (!isMergeable(file)) return false;
  return (
    file.deadBytes >= policy.includeDeadFraction * file.size ||
    file.deadBytes >= policy.triggerDeadBytes ||
    file.size < policy.smallFileBytes ||
    isExpired(file, nowMs)
  );
}

/**
 * Files for a merge, or none if it would change nothing: a single small file without dead bytes would only be copied.
 */
export function chooseInputs(
  files: Iterable<DataFile>,
  policy: ResolvedMergePolicy,
  how: { nowMs: number; force: boolean },
): DataFile[] {
  const chosen = [...files].filter((file) =>
    how.force ? isMergeable(file) : isWorthMerging(file, policy, how.nowMs),
  );
  const wins = chosen.some((file) => file.deadBytes > 0 || isExpired(file, how.nowMs));
  return wins || chosen.length > 1 ? chosen.toSorted((a, b) => a.minSeq - b.minSeq) : [];
}

/** Whether some threshold for starting a merge by itself is passed. */
export function isMergeDue(files: Iterable<DataFile>, policy: ResolvedMergePolicy, nowMs: number): boolean {
  let smallFiles = 0;
  for (const file of files) {
    if (!isMergeable(file)) continue;
    if (file.size < policy.smallFileBytes) smallFiles++;
    // A small file that is mostly dead is not worth starting for; it counts as a small file.
    else if (file.deadBytes >= policy.triggerDeadFraction * file.size) return true;
    if (file.deadBytes >= policy.triggerDeadBytes) return true;
    if (isExpired(file, nowMs)) return true;
  }
  return smallFiles >= policy.triggerSmallFiles;
}

/** Whether an automatic merge may start at this hour. A window may go past midnight. */
export function isInWindow(hour: number, window: ResolvedMergePolicy["window"]): boolean {
  if (!window) return true;
  const { fromHour, toHour } = window;
  return fromHour <= toHour ? hour >= fromHour && hour < toHour : hour >= fromHour || hour < toHour;
}

function isMergeable(file: DataFile): boolean {
  return file.sealed && !file.retired && !file.damaged;
}

/** Everything that is current in it has expired. */
function isExpired(file: DataFile, nowMs: number): boolean {
  return file.liveBytes > 0 && file.expiringBytes >= file.liveBytes && file.maxExpiresAtMs <= nowMs;
}
