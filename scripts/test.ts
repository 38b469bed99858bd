// Runs every test of the tree under the pinned Node, and passes arguments on: `npm test -- src/gate`.
// A test that needs what this machine lacks says so as skipped; with LOCKSTEP_NO_SKIP=1 (our own gate) a skipped or
// todo test fails the run.
import { spawn } from 'node:child_process';
import { globSync } from 'node:fs';
import { dirname } from 'node:path';

const root = dirname(import.meta.dirname);
const wanted = process.argv.slice(2);
const files = globSync(['src/**/*.test.ts', 'test/**/*.test.ts'], { cwd: root })
  .filter((file) => wanted.length === 0 || wanted.some((part) => file.startsWith(part)))
  .sort();

if (files.length === 0) {
  process.stderr.write('no test file matches\n');
  process.exit(1);
}

const child = spawn(
  process.execPath,
  ['--disable-warning=ExperimentalWarning', '--test', '--test-timeout=300000', '--test-reporter=spec', ...files],
  {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  },
);
let tail = '';
child.stdout.on('data', (chunk: Buffer) => {
  process.stdout.write(chunk);
  tail = (tail + chunk.toString()).slice(-200_000);
});
child.on('close', (code) => {
  const left = [...tail.matchAll(/^ℹ (skipped|todo) (\d+)$/gm)].filter(([, , count]) => count !== '0');
  if (process.env.LOCKSTEP_NO_SKIP === '1' && left.length > 0) {
    process.stderr.write(
      `our own gate allows no ${left.map(([, what, count]) => `${what} (${count})`).join(', ')} test\n`,
    );
    process.exit(1);
  }
  process.exit(code ?? 1);
});
process.on('SIGINT', () => child.kill('SIGINT'));
