/**
 * What the packages that are useful alone may not do. The linter says the same while one types; this is the proof that
 * does not depend on a linter's configuration or on a comment that switches it off.
 */

/** How strict a source file's surroundings are. */
export type Boundary =
  /** Only relative imports and `node:` modules. */
  | "standalone"
  /** Only relative imports; no clock, timer, randomness, process or console either. */
  | "pure";

const impureNames = [
  "setTimeout",
  "setInterval",
  "setImmediate",
  "queueMicrotask",
  "performance",
  "Date",
  "process",
  "console",
  "crypto",
  "globalThis",
  "fetch",
];

// The forms that name a module: `from "x"` at the end of an import or export, `import "x"`, `import("x")`, `require("x")`.
// A sentence that happens to contain one of the words is not followed by a quoted name without spaces.
const importPattern =
  /(?:(?:\b(?:import|export)\b[^;"'`]*?\bfrom|^\s*import)\s*|\b(?:import|require)\s*\(\s*)(["'])(?<specifier>[^"'\s$]+)\1/gm;
const impurePattern = new RegExp(
  String.raw`(?<![.\w$])(?:${impureNames.join("|")})(?![\w$:])|\bMath\s*\.\s*random\b`,
  "g",
);

function blank(text: string): string {
  return text.replace(/[^\n]/g, " ");
}

/** The file's text with comments blanked out, line for line; strings stay, since imports are strings. */
function withoutComments(source: string): string {
  // A string or template is matched first and kept, so that "//" inside it does not start a comment.
  const token = /"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`|\/\/[^\n]*|\/\*[\s\S]*?\*\//g;
  return source.replace(token, (text) => (text.startsWith("/") ? blank(text) : text));
}

/** The text without comments and without what stands inside strings. */
function withoutStrings(code: string): string {
  return code.replace(/"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'/g, '""');
}

function lineOf(text: string, position: number): number {
  return text.slice(0, position).split("\n").length;
}

/** What a file does that its boundary forbids, one sentence each with its line. */
export function boundaryViolations(source: string, boundary: Boundary): string[] {
  const code = withoutComments(source);
  const violations: string[] = [];
  for (const match of code.matchAll(importPattern)) {
    const specifier = match.groups?.["specifier"] ?? "";
    const allowed = specifier.startsWith(".") || (boundary === "standalone" && specifier.startsWith("node:"));
    if (!allowed) violations.push(`line ${lineOf(code, match.index)}: imports ${specifier}`);
  }
  if (boundary === "pure") {
    const bare = withoutStrings(code);
    for (const match of bare.matchAll(impurePattern)) {
      violations.push(`line ${lineOf(bare, match.index)}: uses ${match[0]}`);
    }
  }
  return violations;
}
