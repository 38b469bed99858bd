// Runs every test of the tree under the pinned Node, and passes arguments on: `npm test -- src/gate`.
// A test that needs what this machine lacks says so as skipped; with LOCKSTEP_NO_SKIP=1 (our own gate) a skipped or
// todo test fails the run. Two files at once at least: most of a journey's time is somebody's start or wait. A file whose tests
// have ended and whose process has not would be waited for without end: silence ends the run, and names who is left.
// With LOCKSTEP_RERUN=1 (our own gate) the files that failed run once more, each by itself, when they are few; what passes then
// is named as flaky, so that nobody takes it for sound. What fails twice has failed.
import { type ChildProcess, spawn } from 'node:child_process';
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';

const root = dirname(import.meta.dirname);
const wanted = process.argv.slice(2);
const files = globSync(['src/**/*.test.ts', 'test/**/*.test.ts'], { cwd: root })
  .filter((file) => wanted.length === 0 || wanted.some((part) => file.startsWith(part)))
  .sort();

if (files.length === 0) {
  process.stderr.write('no test file matches\n');
  process.exit(1);
}

const silenceLimitMs = 10 * 60_000;
/** More than these have not failed by chance. */
const mostReruns = 4;
let child: ChildProcess | null = null;
process.on('SIGINT', () => child?.kill('SIGINT'));

const first = await run(files, Math.max(2, availableParallelism() - 1));
if (process.env.LOCKSTEP_NO_SKIP === '1' && first.left.length > 0) {
  process.stderr.write(`our own gate allows no ${first.left.join(', ')} test\n`);
  process.exit(1);
}
if (first.code !== 0 && process.env.LOCKSTEP_RERUN === '1' && first.failed.length > 0) {
  const { failed } = first;
  if (failed.length > mostReruns) process.exit(first.code);
  process.stdout.write(`-----> Failed, and run once more: ${failed.join(', ')}\n`);
  for (const file of failed) {
    const again = await run([file], 1);
    if (again.code !== 0 || again.left.length > 0) process.exit(again.code || 1);
  }
  process.stdout.write(`-----> Flaky, to be mended: ${failed.join(', ')}\n`);
  process.exit(0);
}
process.exit(first.code);

/** `failed`: the files in which a test failed; `left`: what was skipped or is to do, in words. */
async function run(
  these: readonly string[],
  atOnce: number,
): Promise<{ code: number; failed: string[]; left: string[] }> {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-tests-'));
  const list = join(folder, 'failed');
  const one = spawn(
    process.execPath,
    [
      ...['--disable-warning=ExperimentalWarning', '--test', '--test-timeout=300000'],
      ...['--test-reporter=spec', '--test-reporter-destination=stdout'],
      ...[`--test-reporter=${join(import.meta.dirname, 'failed-files.ts')}`, `--test-reporter-destination=${list}`],
      ...[`--test-concurrency=${atOnce}`, ...these],
    ],
    { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] },
  );
  child = one;
  let tail = '';
  const silence = setTimeout(() => {
    process.stderr.write(
      `nothing was heard for ${silenceLimitMs / 60_000} minutes; still running: ${filesOf(one).join(', ')}\n`,
    );
    one.kill('SIGKILL');
  }, silenceLimitMs);
  one.stdout.on('data', (chunk: Buffer) => {
    silence.refresh();
    process.stdout.write(chunk);
    tail = (tail + chunk.toString()).slice(-200_000);
  });
  const code = await new Promise<number>((resolve) => one.once('close', (ended) => resolve(ended ?? 1)));
  clearTimeout(silence);
  const failed = textOf(list)
    .split('\n')
    .filter((line) => line !== '')
    .map((file) => relative(root, file));
  rmSync(folder, { recursive: true });
  const left = [...tail.matchAll(/^ℹ (skipped|todo) (\d+)$/gm)].filter(([, , count]) => count !== '0');
  return { code, failed: [...new Set(failed)], left: left.map(([, what, count]) => `${what} (${count})`) };
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return ''; // it was ended before it began
  }
}

/** The files whose processes are there. */
function filesOf({ pid }: ChildProcess): string[] {
  const children = textOf(`/proc/${pid}/task/${pid}/children`).trim().split(' ');
  return children.map((id) => textOf(`/proc/${id}/cmdline`).split('\0').at(-2) ?? id);
}
