/** Every relative link in the documentation leads to a file that exists. */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

const root = join(import.meta.dirname, "..");
const listing = spawnSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", "*.md"], {
  cwd: root,
  encoding: "utf8",
});

const problems: string[] = [];
for (const file of listing.stdout.split("\n").filter((name) => name !== "")) {
  if (!existsSync(join(root, file))) continue;
  const text = readFileSync(join(root, file), "utf8").replace(/```[\s\S]*?```/g, "");
  for (const match of text.matchAll(/\]\((?<target>[^)\s]+)\)/g)) {
    const target = (match.groups?.["target"] ?? "").split("#")[0] ?? "";
    if (target === "" || /^[a-z]+:/.test(target)) continue;
    if (!existsSync(join(root, dirname(file), target)))
      problems.push(`${file} links to ${target}, which does not exist`);
  }
}
for (const problem of problems) console.error(problem);
process.exit(problems.length > 0 || listing.status !== 0 ? 1 : 0);
