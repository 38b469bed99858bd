// A tool as a check runs it: the app's own version of it when its layer has one, else the one that Lockstep brings, with
// what it prints in a report. It becomes the tool, so there is no second process.
import { readFileSync } from 'node:fs';
import type { CheckPlan } from '../check.ts';

const runnerFile = new URL('../runners/capture.py', import.meta.url);

export type Captured = {
  /** What to run: words of a command, `{tool:NAME}` first. */
  argv: readonly string[];
  tools: readonly string[];
  /** The report that its output becomes. */
  report: string;
  /** The Python module that is the app's own version of it; needs the layer. */
  own?: string;
  /** A file among the app's packages that stands in for the argument that ends with it; needs the layer. */
  ownFile?: string;
  layer: CheckPlan['layer'];
  env?: Readonly<Record<string, string>>;
  deadlineMs: number;
  inImage?: 'sources';
};

/** The folder that it ran in is in the report `root.txt`. */
export function capturePlan(given: Captured): CheckPlan {
  const options = ['--out', `{reports}/${given.report}`, '--root', '{reports}/root.txt'];
  if (given.own) options.push('--own', given.own);
  if (given.ownFile) options.push('--own-file', given.ownFile);
  return {
    command: { argv: ['{python}', '-I', '{job}/capture.py', ...options, '--', ...given.argv] },
    tools: given.tools,
    reports: [given.report, 'root.txt'],
    files: { 'capture.py': readFileSync(runnerFile, 'utf8') },
    env: { PYTHONDONTWRITEBYTECODE: '1', ...given.env },
    deadlineMs: given.deadlineMs,
    layer: given.layer,
    ...(given.inImage ? { inImage: given.inImage } : {}),
  };
}
