import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ExecError, run } from './exec.ts';

const env = { PATH: process.env.PATH! };

test('gives what the program wrote and how it ended', async () => {
  const result = await run(['sh', '-c', 'cat; echo oops >&2; exit 3'], { env, input: 'hello' });
  assert.deepEqual([result.code, result.stdout, result.stderr], [3, 'hello', 'oops\n']);
});

test('passes only the environment that it is given, and words without a shell', async () => {
  const result = await run(['env'], { env: { PATH: env.PATH, ONLY: '$(id)' } });
  assert.deepEqual(result.stdout.trim().split('\n').sort(), ['ONLY=$(id)', `PATH=${env.PATH}`]);
});

test('kills the whole group at the limit, also grandchildren that hold the pipe', async () => {
  const started = Date.now();
  const result = await run(['sh', '-c', 'sleep 30 & sleep 30'], { env, timeoutMs: 50 });
  assert.equal(result.timedOut, true);
  assert.ok(Date.now() - started < 5000);
});

test('a signal cancels it, before and during', async () => {
  const abort = new AbortController();
  const running = run(['sleep', '30'], { env, signal: abort.signal });
  abort.abort();
  assert.equal((await running).isCanceled, true);
  assert.equal((await run(['sleep', '30'], { env, signal: abort.signal })).isCanceled, true);
});

test('stops a program that writes too much', async () => {
  const result = await run(['yes'], { env, maxBytes: 1000 });
  assert.deepEqual([result.isTruncated, result.stdoutBytes.length], [true, 1000]);
});

test('throws a typed failure when asked to, and for a program that is not there', async () => {
  await assert.rejects(
    run(['false'], { env, okCodes: [0] }),
    (error) => error instanceof ExecError && error.result?.code === 1,
  );
  await assert.rejects(run(['/no/such'], { env }), (error) => error instanceof ExecError && error.result === null);
});
