// Writes src/agent/toolchains/python-tools.json: the checks' Python tools and all that they stand on, by version and by the
// sha256 of every wheel that may be taken (Linux of x86_64 and aarch64, glibc and musl, CPython from 3.10 on).
// Usage: node scripts/bootstrap.js scripts/pin-tools.ts [TOOL…]   (all, unless told). It asks the package index through uv.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parse } from 'smol-toml';

/** What is asked for, and what of the answer is left out. */
const wanted: Readonly<Record<string, { ask: string; without?: readonly string[] }>> = {
  mypy: { ask: 'mypy' },
  black: { ask: 'black' },
  // Its own launcher fetches a Node at run time; the checker itself is in the wheel, and Lockstep has a Node.
  pyright: { ask: 'pyright', without: ['nodeenv', 'typing-extensions'] },
  pdoc: { ask: 'pdoc' },
  sphinx: { ask: 'sphinx' },
  mkdocs: { ask: 'mkdocs' },
};
const uvVersion = '0.13.9';
const file = join(dirname(import.meta.dirname), 'src', 'agent', 'toolchains', 'python-tools.json');

type Wheel = { url: string; hashes: { sha256: string } };
type Package = { name: string; version: string; marker?: string; wheels?: readonly Wheel[] };

function isUsable(url: string): boolean {
  const [python = '', abi = '', platform = ''] = url
    .replace(/^.*\//, '')
    .replace(/\.whl$/, '')
    .split('-')
    .slice(-3);
  const isPython =
    /(?:^|\.)(?:py3|cp3(?:[2-9]|1[0-5]))(?:\.|$)/.test(python) && (!/^cp3\d$/.test(python) || /abi3/.test(abi));
  const isFree = /\dt(?:\.|$)/.test(abi);
  return (
    isPython && !isFree && (platform === 'any' || /(?:many|musl)linux.*_(?:x86_64|aarch64)(?:\.|$)/.test(platform))
  );
}

function run(argv: readonly string[]): void {
  const { status, stderr } = spawnSync(argv[0]!, argv.slice(1), { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${argv.join(' ')} ended with ${status}: ${stderr}`);
}

const folder = mkdtempSync(join(tmpdir(), 'lockstep-pins-'));
try {
  run(['python3', '-m', 'pip', 'install', '--quiet', '--target', join(folder, 'uv'), `uv==${uvVersion}`]);
  const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(wanted);
  const known = process.argv.length > 2 ? (JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>) : {};
  for (const name of names) {
    const { ask, without = [] } = wanted[name]!;
    writeFileSync(join(folder, `${name}.in`), `${ask}\n`);
    const lock = join(folder, `pylock.${name}.toml`);
    const how =
      '--python-version 3.10 --universal --fork-strategy fewest --only-binary :all: --format pylock.toml --quiet';
    run([
      join(folder, 'uv', 'bin', 'uv'),
      'pip',
      'compile',
      ...how.split(' '),
      '--output-file',
      lock,
      join(folder, `${name}.in`),
    ]);
    const { packages } = parse(readFileSync(lock, 'utf8')) as unknown as { packages: readonly Package[] };
    const own = packages.filter((one) => !without.includes(one.name) && !(one.marker ?? '').includes("'win32'"));
    own.sort((a, b) => Number(b.name === name) - Number(a.name === name) || a.name.localeCompare(b.name));
    known[name] = own.map(({ name: each, version, wheels = [] }) => {
      const sha256 = wheels.filter(({ url }) => isUsable(url)).map(({ hashes }) => hashes.sha256);
      if (sha256.length === 0) throw new Error(`${each} ${version} has no wheel that can be used`);
      return { name: each, version, sha256: sha256.sort() };
    });
  }
  writeFileSync(file, `${JSON.stringify(known, null, 2)}\n`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
