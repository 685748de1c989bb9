/** Scripts that let shells complete commands and options of this program, made from the commands themselves. */
import type { Command } from "commander";

/** Shells there are scripts for. */
export const shells = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof shells)[number];

/** A command with the words that can follow it. */
export interface CompletionEntry {
  /** Words that lead to it, without the program's name: `dev kill`. */
  readonly path: string;
  readonly words: readonly { readonly word: string; readonly description: string }[];
}

function optionWords(command: Command): { word: string; description: string }[] {
  return command.options
    .filter(({ hidden, long }) => !hidden && long !== undefined && long !== null)
    .map(({ long, description }) => ({ word: long!, description }));
}

/** All commands below one, with what can follow them. */
export function completionEntries(program: Command): CompletionEntry[] {
  const shared = optionWords(program);
  const visit = (command: Command, path: readonly string[]): CompletionEntry[] => [
    {
      path: path.join(" "),
      words: [
        ...command.commands.map((each) => ({ word: each.name(), description: each.description() })),
        ...optionWords(command),
        ...(path.length === 0 ? [] : shared),
      ],
    },
    ...command.commands.flatMap((each) => visit(each, [...path, each.name()])),
  ];
  return visit(program, []);
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

function bashScript(entries: readonly CompletionEntry[]): string {
  const cases = entries.map(
    ({ path, words }) => `    ${quoted(path)}) words=${quoted(words.map(({ word }) => word).join(" "))} ;;`,
  );
  return `# titan completion for bash: eval "$(titan completion bash)"
_titan() {
  local path="" word words=""
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$word" in
      -*) ;;
      *) case " ${entries.map(({ path }) => path.replaceAll(" ", "/")).join(" ")} " in
           *" \${path:+$path/}$word "*) path="\${path:+$path/}$word" ;;
         esac ;;
    esac
  done
  case "\${path//\\// }" in
${cases.join("\n")}
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _titan titan
`;
}

function zshScript(entries: readonly CompletionEntry[]): string {
  // zsh runs bash's functions after this; one script to get right instead of two.
  return `# titan completion for zsh: eval "$(titan completion zsh)"
autoload -U +X bashcompinit && bashcompinit
${bashScript(entries).split("\n").slice(1).join("\n")}`;
}

function fishScript(entries: readonly CompletionEntry[]): string {
  const lines = entries.flatMap(({ path, words }) => {
    const seen = path.split(" ").filter((word) => word !== "");
    const condition =
      seen.length === 0
        ? "__fish_use_subcommand"
        : seen.map((word) => `__fish_seen_subcommand_from ${word}`).join("; and ");
    return words.map(({ word, description }) => {
      const what = word.startsWith("--") ? `-l ${word.slice(2)}` : `-a ${word}`;
      return `complete -c titan -n ${quoted(condition)} ${what} -d ${quoted(description)}`;
    });
  });
  return `# titan completion for fish: titan completion fish | source\n${lines.join("\n")}\n`;
}

/** The script for a shell. */
export function completionScript(shell: Shell, entries: readonly CompletionEntry[]): string {
  switch (shell) {
    case "bash":
      return bashScript(entries);
    case "zsh":
      return zshScript(entries);
    case "fish":
      return fishScript(entries);
  }
}
