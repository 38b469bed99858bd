// The images that Dockerfiles begin with, made of this machine's own programs, since the tests can ask no registry: the names are those of the
// public images, the contents are Debian's. Kept as archives between runs, by what they are made of.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  createReadStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { askEngine } from '../../src/agent/engine/ask.ts';
import { filesOf, installedAmong, packageSets, pythonVersion } from './host-files.ts';

export type BaseImage = 'debian' | 'python' | 'node';

const cache = join(tmpdir(), `lockstep-test-images-${process.getuid?.() ?? 0}`);
/** A busy machine unpacks slowly. */
const importMs = 120_000;
const bundle = '/etc/ssl/certs/ca-certificates.crt';
const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** Where a network signs anew what passes, the machine knows who signs. */
const trust = ['SSL_CERT_FILE', 'PIP_CERT', 'NODE_EXTRA_CA_CERTS', 'REQUESTS_CA_BUNDLE'].map(
  (name) => `${name}=${bundle}`,
);

export const tagOf = (image: BaseImage): string =>
  image === 'debian'
    ? 'debian:stable-slim'
    : image === 'python'
      ? `python:${pythonVersion()}-slim`
      : `node:${process.versions.node.split('.')[0]}-slim`;

/** Makes an image known to an engine; its tag. @throws an Error with the engine's words */
export async function giveBaseImage(socket: string, image: BaseImage): Promise<string> {
  const tag = tagOf(image);
  const [repository, version] = tag.split(':');
  await using _turn = await turnFor(`${socket} ${tag}`);
  const archive = archiveOf(image);
  const made = basename(archive);
  const there = await askEngine(socket, `/images/${tag}/json`, { timeoutMs: importMs });
  if (there.body.includes(JSON.stringify(made))) return tag;
  const changes = [
    `LABEL lockstep.test=${made}`,
    'CMD ["sh"]',
    ...[`PATH=${path}`, 'LANG=C.UTF-8', ...trust].map((one) => `ENV ${one}`),
  ];
  const query = changes.map((one) => `&changes=${encodeURIComponent(one)}`).join('');
  const said = await askEngine(socket, `/images/create?fromSrc=-&repo=${repository}&tag=${version}${query}`, {
    method: 'POST',
    body: createReadStream(archive),
    timeoutMs: importMs,
  });
  if (said.status !== 200 || /"error"/.test(said.body)) throw new Error(`${tag}: ${said.body.slice(-500)}`);
  return tag;
}

/**
 * Test files run side by side: a second import would give the name to another image while the first one builds, and all of its steps would be
 * done again. What a killed run left is passed over.
 */
async function turnFor(what: string): Promise<AsyncDisposable> {
  mkdirSync(cache, { recursive: true, mode: 0o700 });
  const lock = join(cache, `.giving-${createHash('sha256').update(what).digest('hex').slice(0, 16)}`);
  for (;;) {
    try {
      mkdirSync(lock);
      return { [Symbol.asyncDispose]: async () => rmSync(lock, { recursive: true, force: true }) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      const since = statSync(lock, { throwIfNoEntry: false })?.mtimeMs ?? 0;
      if (Date.now() - since > importMs) rmSync(lock, { recursive: true, force: true });
      else await sleep(50);
    }
  }
}

/** The archive's file, made when what it is made of has changed. */
function archiveOf(image: BaseImage): string {
  const packages = installedAmong(packageSets[image === 'python' ? 'python' : 'system']());
  const sources = ['base-images.ts', 'host-files.ts'].map((file) =>
    readFileSync(join(import.meta.dirname, file), 'utf8'),
  );
  const certificates = existsSync(bundle) ? readFileSync(bundle, 'utf8') : '';
  const said = JSON.stringify([packages, sources, certificates, image === 'node' ? process.version : '']);
  const key = createHash('sha256').update(said).digest('hex').slice(0, 16);
  const file = join(cache, `${image}-${key}.tar`);
  if (existsSync(file)) return file;
  mkdirSync(cache, { recursive: true, mode: 0o700 });
  for (const old of readdirSync(cache)) if (old.startsWith(`${image}-`)) rmSync(join(cache, old), { force: true });
  const folder = mkdtempSync(join(cache, '.making-'));
  try {
    const tar = join(folder, 'image.tar');
    const over = join(folder, 'over');
    writeOverlay(over, image);
    const own = new Set(readdirSync(over, { recursive: true, encoding: 'utf8' }));
    // No path may be there twice.
    archive(
      tar,
      '/',
      filesOf(packages.map(({ name }) => name)).filter((name) => !own.has(name)),
      '--create',
    );
    archive(tar, over, [...own].sort(), '--append');
    renameSync(tar, file);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return file;
}

/** What is a link stays one. */
function archive(tar: string, from: string, names: readonly string[], mode: '--create' | '--append'): void {
  const words = [mode, '--file', tar, '--numeric-owner', '--owner=0', '--group=0', '--no-recursion'];
  execFileSync('tar', [...words, '-C', from, '--null', '--files-from=-'], {
    input: names.join('\0'),
    stdio: ['pipe', 'ignore', 'inherit'],
  });
}

/** What packages do not bring as files. */
function writeOverlay(over: string, image: BaseImage): void {
  const write = (at: string, text: string): void => {
    mkdirSync(dirname(join(over, at)), { recursive: true });
    writeFileSync(join(over, at), text);
  };
  write('etc/passwd', 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n');
  write('etc/group', 'root:x:0:\nnogroup:x:65534:\n');
  if (existsSync(bundle)) write(bundle.slice(1), readFileSync(bundle, 'utf8'));
  for (const folder of ['tmp', 'var/tmp']) {
    mkdirSync(join(over, folder), { recursive: true });
    chmodSync(join(over, folder), 0o1777);
  }
  for (const folder of ['root', 'proc', 'sys', 'dev', 'run']) mkdirSync(join(over, folder), { recursive: true });
  if (image === 'python') writePython(over);
  if (image === 'node') writeNode(over);
}

/** pip as ensurepip has it, where root may install with it. */
function writePython(over: string): void {
  const wheel = readdirSync('/usr/share/python-wheels').find((name) => name.startsWith('pip-'));
  if (wheel === undefined) throw new Error('pip is not among /usr/share/python-wheels: install python3-venv');
  const packages = join(over, 'usr/local/lib', `python${pythonVersion()}`, 'dist-packages');
  mkdirSync(packages, { recursive: true });
  mkdirSync(join(over, 'usr/local/bin'), { recursive: true });
  const unpack = 'import sys, zipfile; zipfile.ZipFile(sys.argv[1]).extractall(sys.argv[2])';
  execFileSync('/usr/bin/python3', ['-c', unpack, join('/usr/share/python-wheels', wheel), packages]);
  execFileSync('/usr/bin/python3', ['-m', 'compileall', '-q', '-s', over, packages]);
  writeFileSync(join(over, 'usr/local/bin/pip'), '#!/bin/sh\nexec /usr/bin/python3 -m pip "$@"\n', { mode: 0o755 });
  for (const name of ['python', 'python3']) symlinkSync('/usr/bin/python3', join(over, 'usr/local/bin', name));
}

/** The Node that runs this, and the machine's npm. */
function writeNode(over: string): void {
  const bin = join(over, 'usr/local/bin');
  mkdirSync(bin, { recursive: true });
  cpSync(process.execPath, join(bin, 'node'));
  const npm = dirname(dirname(realpathSync(process.env.npm_execpath ?? '/usr/bin/npm')));
  cpSync(npm, join(over, 'usr/local/lib/node_modules/npm'), { recursive: true, verbatimSymlinks: true });
  for (const [name, file] of Object.entries({ npm: 'npm-cli.js', npx: 'npx-cli.js' }))
    symlinkSync(`../lib/node_modules/npm/bin/${file}`, join(bin, name));
}
