// What is known of a Dockerfile once it was read (`read-dockerfile.ts`): its stages, and what of them concerns Lockstep.
import type { Instruction } from './read-lines.ts';
import type { Start } from './read-words.ts';

export type Stage = {
  /** As AS has it, lower case; null: it has none. */
  name: string | null;
  base: string;
  line: number;
  instructions: readonly Instruction[];
};

export type Advice = {
  rule: string;
  line: number;
  text: string;
  /** What this step makes is not of the commit: it must never come from a cache. */
  isUncached: boolean;
};

export type DockerfileFacts = {
  /** What is to be built: no `# syntax=` line is in it; lines keep their numbers. */
  text: string;
  stages: readonly Stage[];
  /** The stage in which checks run; null: there is none. */
  testStage: string | null;
  /** Of the last stage, in order; a port that is a variable without a value is not among them. */
  ports: readonly number[];
  /** Names that an ARG declares, anywhere. */
  args: readonly string[];
  /** null: the image's own, or root. */
  user: string | null;
  entrypoint: Start | null;
  command: Start | null;
  advice: readonly Advice[];
  notes: readonly string[];
};
