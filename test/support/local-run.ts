// `lockstep local run` in the background, with a cache of the stage's own.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type Json, root, type Stage, until } from './stage.ts';

const bin = join(root, 'bin', 'lockstep');

/** What it said as JSON, and its end. */
export function localRun(stage: Stage, work: string, env: Record<string, string>, ...words: string[]) {
  const cache = join(stage.folder, 'cache');
  const argv = [bin, 'local', 'run', '--json', '--cache', cache, ...words];
  const { child, ended } = stage.spawn(argv, { cwd: work, env: { LOCKSTEP_HOME: stage.home, ...env } });
  const said: Json[] = [];
  let [rest, errors] = ['', ''];
  child.stderr!.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  child.stdout!.on('data', (chunk: Buffer) => {
    const lines = (rest + chunk.toString()).split('\n');
    rest = lines.pop()!;
    for (const line of lines) said.push(JSON.parse(line));
  });
  const of = async (what: string): Promise<Json> => {
    await until(
      () => child.exitCode !== null || said.some((one) => what in one),
      60_000,
      () => `it never said ${what}: ${JSON.stringify(said)}\n${errors}`,
    );
    const found = said.find((one) => what in one);
    assert.ok(found, `it ended without a word of ${what}: ${JSON.stringify(said)}\n${errors}`);
    return found[what];
  };
  return { child, ended, of, said };
}
