/** A copy of what a node runs, with changes in it, that Node.js can run in its place. */
import { cp, mkdir, mkdtemp, readdir, readFile, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Edit } from "./server-mutants.ts";

const repository = join(import.meta.dirname, "../..");
/** The packages that are copied: those that a bug may be put into. */
const copied = ["bitcask", "raft", "ring", "server"];

export class MutantTree implements AsyncDisposable {
  readonly directory: string;

  private constructor(directory: string) {
    this.directory = directory;
  }

  static async make(edits: readonly Edit[]): Promise<MutantTree> {
    const tree = new MutantTree(await mkdtemp(join(tmpdir(), "titan-mutant-")));
    try {
      for (const name of copied) await tree.#copyPackage(name);
      await tree.#copyEntry();
      for (const edit of edits) await tree.#apply(edit);
      return tree;
    } catch (error) {
      await tree[Symbol.asyncDispose]();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.directory, { recursive: true, force: true });
  }

  async #copyPackage(name: string): Promise<void> {
    const from = join(repository, "packages", name);
    const to = join(this.directory, "packages", name);
    await cp(join(from, "src"), join(to, "src"), { recursive: true });
    await cp(join(from, "package.json"), join(to, "package.json"));
    await this.#linkDependencies(join(from, "node_modules"), join(to, "node_modules"));
  }

  /** The process behind a node, and what is loaded before it. */
  async #copyEntry(): Promise<void> {
    const from = join(repository, "faults");
    const to = join(this.directory, "faults");
    await cp(join(from, "cluster"), join(to, "cluster"), { recursive: true });
    await cp(join(from, "package.json"), join(to, "package.json"));
    await this.#linkDependencies(join(from, "node_modules"), join(to, "node_modules"));
  }

  /** Links what a package depends on: our own packages to their copies, all others to where they are. */
  async #linkDependencies(from: string, to: string): Promise<void> {
    await mkdir(to, { recursive: true });
    for (const entry of await readdir(from)) {
      if (entry.startsWith(".")) continue;
      const names = entry.startsWith("@") ? await readdir(join(from, entry)) : [""];
      if (entry.startsWith("@")) await mkdir(join(to, entry));
      for (const name of names) {
        const isCopied = entry === "@titan-kv" && copied.includes(name);
        const own = join(this.directory, "packages", name);
        await symlink(isCopied ? own : await realpath(join(from, entry, name)), join(to, entry, name));
      }
    }
  }

  async #apply({ file, find, replace }: Edit): Promise<void> {
    const path = join(this.directory, "packages", file);
    const text = await readFile(path, "utf8");
    if (text.split(find).length !== 2)
      throw new Error(`the place of a bug is not in ${file} exactly once: ${find}`);
    await writeFile(
      path,
      text.replace(find, () => replace),
    );
  }
}
