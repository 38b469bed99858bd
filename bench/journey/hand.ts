// The same work by hand, without Lockstep: the app's own checks one after the other as a developer types them, and its
// start. The packages are those of Lockstep's layers, version for version, on the same interpreter, bytecode compiled.
import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { now } from '../../scripts/demo/ask.ts';
import { watchFor } from '../../scripts/demo/poller.ts';
import type { Page } from '../../scripts/demo/timeline.ts';
import type { Ended, Stage } from '../../test/support/stage.ts';
import { freePort } from './ports.ts';
import { pythonFile } from './subject.ts';

export type ByHand = { styleMs: number; testsMs: number; checksMs: number; startMs: number };
export type Hand = { venv: string; packages: string[]; run(work: string, page: Page): Promise<ByHand> };

export async function openHand(stage: Stage): Promise<Hand> {
  const packages = packagesOf(stage.home);
  const config = globSync('apps/*/layers/*/pyvenv.cfg', { cwd: stage.home })[0]!;
  const interpreter = /^home = (.*)$/m.exec(readFileSync(join(stage.home, config), 'utf8'))![1]!;
  const uv = globSync(join(stage.home, 'toolchains', 'uv-*', 'bin', 'uv'))[0]!;
  const venv = join(stage.folder, 'venv');
  const env = { UV_CACHE_DIR: join(stage.folder, 'uv-cache') };
  const install = ['pip', 'install', '-q', '--compile-bytecode', '--python', join(venv, 'bin', 'python'), ...packages];
  insist(await stage.run([uv, 'venv', '-q', '--python', join(interpreter, 'python3'), venv], { env }));
  insist(await stage.run([uv, ...install], { env }));
  const python = join(venv, 'bin', 'python');
  // Nothing is written beside the code but bytecode, so that the next commit holds the change and no more.
  const data = {
    LOCKSTEP_VOLUME_DATA: join(stage.folder, 'hand-data'),
    COVERAGE_FILE: join(stage.folder, 'hand-coverage'),
  };
  const report = ['lcov', '-q', '-o', join(stage.folder, 'hand.lcov')];

  const start = async (work: string, page: Page): Promise<number> => {
    const port = await freePort();
    const startedAt = now();
    const gunicorn = [join(venv, 'bin', 'gunicorn'), 'wsgi:app', '--bind', `127.0.0.1:${port}`];
    const { child, ended } = stage.spawn(gunicorn, { cwd: work, env: data });
    const seenAt = await watchFor(page, { port, host: 'hand.localhost', path: '/' }, AbortSignal.timeout(30_000));
    child.kill('SIGTERM');
    await ended;
    return seenAt - startedAt;
  };
  return {
    venv,
    packages,
    async run(work, page) {
      const startedAt = now();
      for (const tool of ['pycodestyle', 'pyflakes'])
        insist(await stage.run([python, '-m', tool, pythonFile], { cwd: work }));
      const styledAt = now();
      insist(await stage.run([python, '-m', 'coverage', 'run', '-m', 'pytest', '-q'], { cwd: work, env: data }));
      insist(await stage.run([python, '-m', 'coverage', ...report], { cwd: work, env: data }));
      const testedAt = now();
      return {
        styleMs: styledAt - startedAt,
        testsMs: testedAt - styledAt,
        checksMs: testedAt - startedAt,
        startMs: await start(work, page),
      };
    },
  };
}

/** What Lockstep installed for the app and for its style check, as `name==version`. */
export function packagesOf(home: string): string[] {
  const folders = ['apps/*/layers/*/lib/python*/site-packages/*.dist-info', 'toolchains/py*/*.dist-info'];
  const names = globSync(folders, { cwd: home }).map((path) => basename(path, '.dist-info').split('-'));
  return [...new Set(names.map(([name, version]) => `${name}==${version}`))].sort();
}

export function insist(ended: Ended): void {
  if (ended.code !== 0) throw new Error(`by hand it failed: ${ended.stdout}${ended.stderr}`);
}
