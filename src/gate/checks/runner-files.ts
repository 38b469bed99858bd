// Programs of ours, as files of a job: those that the app's gate identity runs (`gate/runners`). They do not change while we run.
import { readFileSync } from 'node:fs';

const runners = new URL('../runners/', import.meta.url);
const texts = new Map<string, string>();

/** By the names under which they lie in the job's folder, too. */
export const runnerFiles = (...names: readonly string[]): Record<string, string> =>
  Object.fromEntries(names.map((name) => [name, textOf(name)]));

function textOf(name: string): string {
  const known = texts.get(name);
  if (known !== undefined) return known;
  const file = name === 'node-tree.mjs' ? new URL('../../lib/node-tree.mjs', import.meta.url) : new URL(name, runners);
  const text = readFileSync(file, 'utf8');
  texts.set(name, text);
  return text;
}
