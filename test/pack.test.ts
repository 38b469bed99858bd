// What npm publishes, as somebody gets it: built, packed, installed with -g into an empty prefix, and used from there with
// the machine's own Node first on PATH. Node refuses TypeScript under node_modules, so all of it runs from compiled files.
import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { get } from 'node:http';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, test } from 'node:test';
import { missingTargets, pruneUnreached, targetsOf } from '../scripts/build.ts';
import { run, spawnStreaming } from '../src/exec/exec.ts';

const checkout = dirname(import.meta.dirname);
const made: string[] = [];
after(() => Promise.all(made.map((folder) => rm(folder, { recursive: true, force: true }))));

/** A folder that other identities can pass: an app reaches its files below it. */
async function folder(): Promise<string> {
  const path = await mkdtemp('/tmp/lockstep-pack-');
  await chmod(path, 0o711);
  made.push(path);
  return path;
}

/** A person's environment: what npm adds for its own scripts, and the checkout's programs, are not in it. */
function personsEnv(more: Record<string, string> = {}): Record<string, string> {
  const ours =
    /^(npm_(lifecycle|package|command|execpath|node_execpath|config_(local_prefix|global_prefix|prefix))|INIT_CWD|NODE|GIT_|LOCKSTEP_)/;
  const kept = Object.entries(process.env).filter(([key]) => !ours.test(key)) as [string, string][];
  const path = (process.env.PATH ?? '').split(':').filter((part) => !part.includes('node_modules'));
  return { ...Object.fromEntries(kept), PATH: path.join(':'), ...more };
}

async function done(argv: string[], cwd: string, env = personsEnv()): Promise<string> {
  const ended = await run(argv, { cwd, env, timeoutMs: 100_000 });
  assert.equal(ended.code, 0, `${argv.join(' ')}\n${ended.stdout}${ended.stderr}`);
  return ended.stdout + ended.stderr;
}

/** Builds and packs a copy of the checkout, and installs the archive; the prefix. */
async function install(): Promise<string> {
  const copy = await folder();
  for (const name of readdirSync(checkout))
    if (!['node_modules', 'dist', 'dist.new', '.git'].includes(name))
      cpSync(join(checkout, name), join(copy, name), { recursive: true });
  symlinkSync(join(checkout, 'node_modules'), join(copy, 'node_modules'));
  await done([process.execPath, join(copy, 'scripts', 'build.ts'), '--root', copy], copy);
  await done(['npm', 'pack', '--ignore-scripts', '--pack-destination', copy, '--loglevel=error'], copy);
  const archive = readdirSync(copy).find((name) => name.endsWith('.tgz'));
  assert.ok(archive, 'npm pack made an archive');
  const prefix = await folder();
  const quiet = ['--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error'];
  await done(['npm', 'i', '-g', '--prefix', prefix, ...quiet, join(copy, archive)], prefix);
  return prefix;
}

let installing: Promise<string> | null = null;
const installed = (): Promise<string> => {
  installing ??= install();
  return installing;
};

function pageOf(url: string, host: string): Promise<string> {
  return new Promise((resolve, reject) => {
    get(url, { headers: { host }, agent: false }, async (response) => {
      let text = '';
      for await (const chunk of response.setEncoding('utf8')) text += chunk;
      resolve(text);
    }).once('error', reject);
  });
}

test('the installed program answers under whatever Node comes first on PATH', async () => {
  const prefix = await installed();
  const program = join(prefix, 'bin', 'lockstep');
  const node = (await done(['node', '--version'], '/')).trim();
  assert.match(await done([program, '--version'], '/'), /^\d+\.\d+\.\d+\n$/);
  assert.match(await done(['node', program, '--version'], '/'), /^\d+\.\d+\.\d+\n$/, `under ${node}`);
  const inside = join(prefix, 'lib', 'node_modules', 'lockstep-platform');
  for (const absent of ['src', 'test', 'scripts', 'dist/api/fake.js'])
    assert.ok(!existsSync(join(inside, absent)), absent);
});

test('the installed program takes a site from create to live, and stops', async () => {
  const prefix = await installed();
  const place = await folder();
  const env = personsEnv({
    PATH: `${join(prefix, 'bin')}:${personsEnv().PATH}`,
    HOME: place,
    LOCKSTEP_HOME: join(place, 'home'),
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_AUTHOR_NAME: 'a',
    GIT_AUTHOR_EMAIL: 'a@b',
    GIT_COMMITTER_NAME: 'a',
    GIT_COMMITTER_EMAIL: 'a@b',
  });
  const site = join(place, 'site');
  cpSync(join(checkout, 'examples', 'static-site'), site, { recursive: true });
  const up = spawnStreaming(['lockstep', 'up', '--json', '--port', '0'], { cwd: place, env });
  let said = '';
  up.stderr.on('data', (chunk: Buffer) => {
    said = (said + chunk).slice(-4000);
  });
  try {
    const ready = new Promise<{ url: string }>((resolve, reject) => {
      createInterface(up.stdout).once('line', (line) => resolve(JSON.parse(line) as { url: string }));
      void up.ended.then(({ code }) => reject(new Error(`lockstep up ended with ${code}: ${said}`)));
    });
    const { url } = await ready;
    await done(['git', 'init', '-q', '-b', 'main'], site, env);
    await done(['git', 'add', '.'], site, env);
    await done(['git', 'commit', '-qm', 'A site'], site, env);
    await done(['lockstep', 'create', 'tide'], site, env);
    assert.match(await done(['git', 'push', 'lockstep', 'main'], site, env), /live: http:\/\/tide\.localhost/);
    assert.match(await pageOf(url, `tide.localhost:${new URL(url).port}`), /<h1>Tide Pool<\/h1>/);
    assert.equal(JSON.parse(await done(['lockstep', 'status', '--json'], site, env)).state, 'IN SYNC');
    up.kill('SIGINT');
    assert.equal((await up.ended).code, 0, said);
    await assert.rejects(pageOf(url, 'tide.localhost'), { code: 'ECONNREFUSED' });
  } finally {
    up.kill('SIGTERM');
    await up.ended;
  }
});

test('a build in which something is missing is refused, and what no program imports is left out', async () => {
  const place = await folder();
  mkdirSync(join(place, 'main'));
  const write = (name: string, text: string) => writeFileSync(join(place, name), text);
  write('main/a.js', "import { b } from './b.js';\nconst x = new URL('./x.sql', import.meta.url);\n");
  write('main/b.js', "const y = join(import.meta.dirname, '..', 'y.sh');\nawait import(place);\n");
  write('main/fake.js', "import './nowhere.ts';\n");
  pruneUnreached(place, ['main/a.js']);
  assert.deepEqual(missingTargets(place).sort(), [
    'main/a.js names ./x.sql, which is not there',
    'main/b.js imports what only running it would tell',
    'main/b.js names ../y.sh, which is not there',
  ]);
  assert.deepEqual(targetsOf("join(import.meta.dirname, name); import('node:fs'); Buffer.from('./a')"), []);
});
