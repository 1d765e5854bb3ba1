// One thing wrong with a configuration.

export interface ConfigProblem {
  /** e.g. `targets[2].port`; empty for the document itself. */
  readonly path: string;
  /** What is wrong and what is allowed, with the value given. */
  readonly message: string;
}
