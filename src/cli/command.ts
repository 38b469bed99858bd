// What a command is: data for parsing, help and docs/cli.md, and a function that loads its verb only when it is asked for
// (each Node start reads no more files than the command needs).
import type { Session } from './session.ts';

export type OptionSpec = {
  /** `flag` is there or not; `text` takes a value. */
  kind: 'flag' | 'text';
  short?: string;
  /** How help names the value: `NAME`. */
  value?: string;
  about: string;
};

/** Runs the command and resolves with the exit code: 0 only when what was asked for is true. */
export type Verb = (session: Session) => Promise<number>;

export type CommandSpec = {
  /** One word, or two for a sub-command: `config set`. */
  name: string;
  summary: string;
  /** More than the summary, for `--help` and the docs; a sentence or two. */
  about?: string;
  /** How usage names the operands: `K=V …`; '' for none. */
  operands: string;
  /** The fewest and the most operands. */
  counts: readonly [number, number];
  /** The first operand and all after it belong to another program, options too. */
  takesRest?: boolean;
  options: Readonly<Record<string, OptionSpec>>;
  examples: readonly string[];
  load: () => Promise<Verb>;
};
