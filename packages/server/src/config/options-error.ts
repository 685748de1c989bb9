/** One thing that is wrong with the configuration. */
export interface OptionProblem {
  /** Where it stands: `flag --client-port`, `environment variable TITAN_…`, `/etc/titan.toml`, or `options`. */
  readonly source: string;
  /** The option's name in the file, where one is meant. */
  readonly option?: string | undefined;
  /** What is wrong and what is allowed. */
  readonly message: string;
}

/** The configuration cannot be used. `problems` has everything that is wrong with it, not only the first thing. */
export class OptionsError extends Error {
  override readonly name = "OptionsError";
  readonly problems: readonly OptionProblem[];

  constructor(problems: readonly OptionProblem[], options?: ErrorOptions) {
    super(problems.map(({ source, message }) => `${source}: ${message}`).join("\n"), options);
    this.problems = problems;
  }
}
