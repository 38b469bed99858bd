// Applications that were not written here, as their authors publish them: made by a framework's own command, or unpacked
// from a source archive of the Python package index. Fetched once for all runs of this machine, under the system's temporary folder.
import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Ended, Stage } from './stage.ts';

const versions = { Django: '5.2.19', Flask: '3.1.3', fastapi: '0.165.0', httpbin: '0.10.4', uv: '0.13.9' };
const cache = join(
  tmpdir(),
  `lockstep-test-apps-${process.getuid?.() ?? 0}-${Object.values(versions).join('-').replaceAll('.', '')}`,
);
const unreachable =
  /ConnectionError|NewConnectionError|ConnectTimeout|ReadTimeout|ProxyError|name resolution|Network is unreachable/;

/**
 * The folder with `startproject`, `factory`, `quickstart`, `src-layout` and `legacy`.
 * null: the package index cannot be reached from here.
 */
export async function publishedApps(stage: Stage): Promise<string | null> {
  if (existsSync(cache)) return cache;
  const folder = mkdtempSync(`${cache}.part-`);
  try {
    const isThere = await fetchAll(stage, folder);
    if (!isThere) return null;
    if (!existsSync(cache)) renameSync(folder, cache);
    return cache;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function fetchAll(stage: Stage, folder: string): Promise<boolean> {
  const tools = join(folder, 'tools');
  const archives = join(folder, 'archives');
  const pip = (...words: string[]) => stage.run(['python3', '-m', 'pip', '--disable-pip-version-check', ...words]);
  const installed = await pip(
    ...['install', '--quiet', '--target', tools, `Django==${versions.Django}`, `uv==${versions.uv}`],
  );
  if (installed.code !== 0 && unreachable.test(installed.stderr)) return false;
  well(installed);
  const published = (['Flask', 'fastapi', 'httpbin'] as const).map((name) => `${name}==${versions[name]}`);
  const sources = ['--no-deps', '--no-binary', 'flask,fastapi,httpbin'];
  well(await pip('download', '--quiet', ...sources, '--dest', archives, ...published));
  for (const name of readdirSync(archives)) well(await stage.run(['tar', '-xzf', name], { cwd: archives }));
  const source = (name: 'Flask' | 'fastapi' | 'httpbin', ...path: string[]) =>
    join(archives, `${name.toLowerCase()}-${versions[name]}`, ...path);
  const take = (name: string, from: string, into = ''): string => {
    cpSync(from, join(folder, name, into), { recursive: true });
    return join(folder, name);
  };

  const project = join(folder, 'startproject');
  mkdirSync(project);
  well(await stage.run(['python3', '-m', 'django', 'startproject', 'mysite', project], { env: { PYTHONPATH: tools } }));
  writeFileSync(join(project, 'requirements.txt'), `Django==${versions.Django}\n`);
  take('factory', source('Flask', 'examples', 'tutorial'));
  const quickstart = take('quickstart', source('fastapi', 'docs_src', 'bigger_applications', 'app'), 'app');
  writeFileSync(join(quickstart, 'requirements.txt'), `fastapi==${versions.fastapi}\n`);
  const layout = take('src-layout', source('Flask', 'examples', 'celery'));
  const locked = await stage.run([join(tools, 'bin', 'uv'), 'lock', '--quiet', '--no-config', '--project', layout]);
  if (locked.code !== 0 && unreachable.test(locked.stderr)) return false;
  well(locked);
  take('legacy', source('httpbin'));
  rmSync(tools, { recursive: true });
  rmSync(archives, { recursive: true });
  return true;
}

function well(ended: Ended): void {
  assert.equal(ended.code, 0, ended.stderr);
}
