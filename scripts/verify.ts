/**
 * Everything that must hold before a commit lands: `pnpm verify`, `npm test` and CI are all this file.
 *
 * Runs every check even after one has failed, so that one run shows all there is to mend, and closes with the line
 * `N passed, N failed`, in which each check and each test counts as one.
 *
 *     pnpm verify                 everything
 *     pnpm verify lint types      only the checks named
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";

const root = join(import.meta.dirname, "..");
const environment = {
  ...process.env,
  PATH: [join(root, "node_modules", ".bin"), join(root, "scripts", "bin"), process.env["PATH"]].join(
    delimiter,
  ),
  TURBO_TELEMETRY_DISABLED: "1",
};

interface Counts {
  passed: number;
  failed: number;
}

interface Check {
  readonly name: string;
  /** What a failure means, and how to mend it. */
  readonly remedy: string;
  readonly commands: readonly (readonly [string, ...string[]])[];
}

const checks: readonly Check[] = [
  {
    name: "format",
    remedy: "`pnpm format` rewrites the files",
    commands: [["oxfmt", "--check"]],
  },
  {
    name: "proto",
    remedy: "`pnpm generate` renews the stubs; a breaking change of the API needs a new package version",
    commands: [
      ["buf", "lint"],
      ["node", "scripts/check-proto.ts"],
    ],
  },
  {
    name: "types",
    remedy: "see the compiler's messages",
    commands: [
      ["tsc", "-b", "tsconfig.json"],
      ["tsc", "-p", "tsconfig.tests.json"],
    ],
  },
  {
    name: "lint",
    remedy: "see the linter's messages; many are mended by `oxlint --fix`",
    commands: [["oxlint", "--type-aware", "--deny-warnings"]],
  },
  {
    name: "boundaries",
    remedy: "bitcask, raft and ring stand alone; the core of raft and ring are pure",
    commands: [
      ["node", "scripts/check-boundaries.ts"],
      // Fault runs and fuzzing look into packages on purpose: at decoders that nobody else calls, at processes that tests start.
      ["turbo", "boundaries", "--filter=./packages/*", "--filter=./proto", "--filter=./bench"],
    ],
  },
  {
    name: "docs",
    remedy: "a link or a file named in the documentation does not exist",
    commands: [["node", "scripts/check-docs.ts"]],
  },
  {
    name: "packages",
    remedy: "a packed package is not what a user could install, import or compile against",
    commands: [
      // What is published is what the compiler writes; the task runner would only start it once for each package.
      ["tsc", "-b", "tsconfig.json"],
      ["node", "scripts/check-packages.ts"],
    ],
  },
];

function runCheck(check: Check): boolean {
  for (const [program, ...programArguments] of check.commands) {
    const run = spawnSync(program, programArguments, { cwd: root, stdio: "inherit", env: environment });
    if (run.status !== 0) {
      const command = [program, ...programArguments].join(" ");
      console.error(`x ${check.name}: \`${command}\` failed (${check.remedy})`);
      return false;
    }
  }
  return true;
}

/** Runs the whole test suite and counts its tests. */
function runTests(): Counts {
  const scratch = mkdtempSync(join(tmpdir(), "titan-verify-"));
  const report = join(scratch, "vitest.json");
  try {
    const reporters = ["--reporter=dot", "--reporter=json", `--outputFile.json=${report}`];
    const run = spawnSync("vitest", ["run", ...reporters], { cwd: root, stdio: "inherit", env: environment });
    const { numPassedTests, numFailedTests, success } = JSON.parse(readFileSync(report, "utf8"));
    // A file that does not load, or an error outside a test, fails the run without failing a test.
    const broken = run.status !== 0 || !success ? 1 : 0;
    return { passed: numPassedTests, failed: Math.max(numFailedTests, broken) };
  } catch (error) {
    console.error("x tests: the runner left no report", error);
    return { passed: 0, failed: 1 };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function main(names: readonly string[]): void {
  const known = [...checks.map((check) => check.name), "tests"];
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    console.error(`There is no check named ${unknown.join(", ")}; there are ${known.join(", ")}.`);
    process.exit(2);
  }
  const chosen = (name: string): boolean => names.length === 0 || names.includes(name);
  const total: Counts = { passed: 0, failed: 0 };
  const failures: string[] = [];
  const finish = (name: string, counts: Counts, startedAt: number): void => {
    total.passed += counts.passed;
    total.failed += counts.failed;
    if (counts.failed > 0) failures.push(name);
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    console.log(`${counts.failed > 0 ? "x" : "ok"} ${name} (${seconds} s)`);
  };
  for (const check of checks.filter(({ name }) => chosen(name))) {
    const startedAt = performance.now();
    const ok = runCheck(check);
    finish(check.name, { passed: ok ? 1 : 0, failed: ok ? 0 : 1 }, startedAt);
  }
  if (chosen("tests")) {
    const startedAt = performance.now();
    finish("tests", runTests(), startedAt);
  }
  if (failures.length > 0) console.error(`Failed: ${failures.join(", ")}`);
  console.log(`${total.passed} passed, ${total.failed} failed`);
  process.exit(total.failed > 0 ? 1 : 0);
}

main(process.argv.slice(2));
