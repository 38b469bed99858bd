// Runs every test of the tree under the pinned Node, or those named, with what options of Node's runner there are:
// `npm test -- src/gate --test-name-pattern=refused`.
// A test that needs what this machine lacks says so as skipped; with LOCKSTEP_NO_SKIP=1 (our own gate) a skipped or
// todo test fails the run. Two files at once at least: most of a journey's time is somebody's start or wait. A file whose tests
// have ended and whose process has not would be waited for without end: silence ends the run, and names who is left.
// With LOCKSTEP_TEST_ENGINE=install a container engine of the run's own is there for the tests that need one.
import { type ChildProcess, spawn } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';

const root = dirname(import.meta.dirname);
const testing = join(import.meta.dirname, 'testing');
const words = process.argv.slice(2);
const options = words.filter((word) => word.startsWith('--test-'));
const wanted = words.filter((word) => !options.includes(word));
const files = globSync(['src/**/*.test.ts', 'test/**/*.test.ts'], { cwd: root })
  .filter((file) => wanted.length === 0 || wanted.some((part) => file.startsWith(part)))
  .sort();

if (files.length === 0) {
  process.stderr.write('no test file matches\n');
  process.exit(1);
}

/** These stop the engine that the others use, empty its cache or hold its builder to small limits: each has it for itself, after them. */
const isLast = (file: string): boolean => /\bengine-faults\b|\bagent\/images\/images\b/.test(file);
/** What a file that needs an engine imports. */
const ofEngine = /support\/(?:engine|container-journey)\.ts/;
const engine = await engineFor(files);
const silenceLimitMs = 10 * 60_000;
const atOnce = Math.max(2, availableParallelism() - 1);
let tail = '';
let child: ChildProcess;
process.on('SIGINT', () => child.kill('SIGINT'));
const codes: (number | null)[] = [];
const phases = [
  { phase: files.filter((file) => !isLast(file)), together: atOnce },
  { phase: files.filter(isLast), together: 1 },
];
for (const { phase, together } of phases) if (phase.length > 0) codes.push(await runFiles(phase, together));
await engine?.[Symbol.asyncDispose]();
const left = [...tail.matchAll(/^ℹ (skipped|todo) (\d+)$/gm)].filter(([, , count]) => count !== '0');
if (process.env.LOCKSTEP_NO_SKIP === '1' && left.length > 0) {
  process.stderr.write(
    `our own gate allows no ${left.map(([, what, count]) => `${what} (${count})`).join(', ')} test\n`,
  );
  process.exit(1);
}
const failed = codes.find((code) => code !== 0);
process.exit(failed === undefined ? 0 : (failed ?? 1));

/** Its exit code; null: a signal ended it. */
async function runFiles(phase: readonly string[], together: number): Promise<number | null> {
  const run = spawn(
    process.execPath,
    [
      ...[
        '--disable-warning=ExperimentalWarning',
        '--import',
        join(testing, 'compiled.ts'),
        '--test',
        '--test-timeout=300000',
      ],
      ...['--test-reporter=spec', '--test-reporter-destination=stdout'],
      ...[`--test-reporter=${join(testing, 'file-times.ts')}`, '--test-reporter-destination=stdout'],
      ...[`--test-concurrency=${together}`, ...options, ...phase],
    ],
    {
      cwd: root,
      env: { ...process.env, ...(engine ? { LOCKSTEP_TEST_ENGINE: engine.socket } : {}) },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  child = run;
  const silence = setTimeout(() => {
    process.stderr.write(
      `nothing was heard for ${silenceLimitMs / 60_000} minutes; still running: ${running().join(', ')}\n`,
    );
    run.kill('SIGKILL');
  }, silenceLimitMs);
  run.stdout.on('data', (chunk: Buffer) => {
    silence.refresh();
    process.stdout.write(chunk);
    tail = (tail + chunk.toString()).slice(-200_000);
  });
  const code = await new Promise<number | null>((resolve) => run.once('close', resolve));
  clearTimeout(silence);
  return code;
}

/** Only when it is asked for and a file of these uses it. */
async function engineFor(wantedFiles: readonly string[]): Promise<({ socket: string } & AsyncDisposable) | null> {
  if (process.env.LOCKSTEP_TEST_ENGINE !== 'install') return null;
  if (!wantedFiles.some((file) => ofEngine.test(readFileSync(join(root, file), 'utf8')))) return null;
  const { ensureInstalled } = await import('./engine/install.ts');
  const { OwnEngine } = await import('./engine/own-engine.ts');
  ensureInstalled();
  return await OwnEngine.start();
}

/** The files whose processes are there. */
function running(): string[] {
  const children = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim().split(' ');
  return children.map((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').at(-2) ?? pid);
}
