/** Patterns for file names: `*` and `?` within a name, `**` across names. */

const special = /[.+^${}()|[\]\\]/g;

/** The pattern as a regular expression for a whole path. */
export function globToRegExp(pattern: string): RegExp {
  const source = pattern.split(/(?<token>\*\*\/?|\*|\?)/).map((part) => {
    if (part === "**/") return "(?:.*/)?";
    if (part === "**") return ".*";
    if (part === "*") return "[^/]*";
    if (part === "?") return "[^/]";
    return part.replaceAll(special, String.raw`\$&`);
  });
  return new RegExp(`^${source.join("")}$`, "su");
}

/** Whether a path matches one of the patterns; patterns without a slash look at the last name only. */
export function matchesAny(path: string, patterns: readonly string[]): boolean {
  if (patterns.length === 0) return true;
  const name = path.slice(path.lastIndexOf("/") + 1);
  return patterns.some((pattern) => globToRegExp(pattern).test(pattern.includes("/") ? path : name));
}
