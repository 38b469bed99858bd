// What a job made of its reports in the folders where the engine keeps them: the files of this machine are no reports.
import assert from 'node:assert/strict';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { run } from '../../exec/exec.ts';
import type { Engine } from '../engine/engine.ts';
import { fetchReports } from './container-reports.ts';
import { reportBytes } from './job-folder.ts';

/** The upper folder of a container that has ended, and what is read of it; `asked`: how often the engine was asked instead. */
function stage(context: TestContext) {
  const top = mkdtempSync(join(tmpdir(), 'lockstep-reports-'));
  context.after(() => rmSync(top, { recursive: true, force: true }));
  const [upper, target, secret] = ['upper', 'target', 'secret'].map((name) => join(top, name)) as [
    string,
    string,
    string,
  ];
  for (const folder of [upper, target, secret]) mkdirSync(folder);
  writeFileSync(join(secret, 'out.txt'), 'of the machine');
  let asked = 0;
  const engine = {
    bytes: () => {
      asked += 1;
      return Promise.reject(new Error('it has no such folder'));
    },
  } as unknown as Engine;
  const fetch = async (names: readonly string[], from: string | null = upper) => {
    await fetchReports({ engine, container: 'c', upper: from, folder: '/lockstep/reports', names, target });
    const files = readdirSync(target).map((name): [string, string] => [name, readFileSync(join(target, name), 'utf8')]);
    return { asked, files: Object.fromEntries(files) };
  };
  return { upper, secret, fetch, reports: join(upper, 'lockstep', 'reports') };
}

test('reports are read where the engine keeps them; a link, a pipe, a folder or what is too large is none', {
  timeout: 20_000,
}, async (context) => {
  const { secret, fetch, reports } = stage(context);
  mkdirSync(join(reports, 'folder'), { recursive: true });
  writeFileSync(join(reports, 'good.xml'), 'good');
  writeFileSync(join(reports, 'not-asked.txt'), 'x');
  symlinkSync(join(secret, 'out.txt'), join(reports, 'link.txt'));
  await run(['mkfifo', join(reports, 'pipe')], { env: { PATH: process.env.PATH ?? '' } });
  writeFileSync(join(reports, 'large'), '');
  truncateSync(join(reports, 'large'), reportBytes + 1);
  const names = ['good.xml', 'link.txt', 'pipe', 'large', 'folder', 'missing'];
  assert.deepEqual(await fetch(names), { asked: 0, files: { 'good.xml': 'good' } });
});

test('a folder on the way that is a link leads nowhere: the engine is asked, which follows it within the container', async (context) => {
  const { upper, secret, fetch } = stage(context);
  mkdirSync(join(upper, 'lockstep'));
  symlinkSync(secret, join(upper, 'lockstep', 'reports'));
  assert.deepEqual(await fetch(['out.txt']), { asked: 1, files: {} });
  rmSync(join(upper, 'lockstep'), { recursive: true });
  symlinkSync(secret, join(upper, 'lockstep'));
  assert.deepEqual(await fetch(['out.txt']), { asked: 2, files: {} });
  assert.deepEqual(await fetch(['out.txt'], null), { asked: 3, files: {} });
  assert.deepEqual(await fetch([]), { asked: 3, files: {} });
});
