import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { failpoint, hold, parseFailpoints } from './failpoint.ts';

test('a failpoint that nobody armed lets everything pass', async () => {
  await failpoint('mainline.advance.before');
});

test('a misspelt effect is an error', () => {
  assert.deepEqual([...parseFailpoints('a=kill,b=hold:/tmp/x').keys()], ['a', 'b']);
  for (const text of ['a', 'a=pause', 'a=hold:relative', '=kill']) assert.throws(() => parseFailpoints(text));
});

test('an armed failpoint kills its process as SIGKILL does', async () => {
  const script = `import { failpoint } from ${JSON.stringify(join(import.meta.dirname, 'failpoint.ts'))}; await failpoint('here'); process.exit(0);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    env: { ...process.env, LOCKSTEP_FAILPOINTS: 'here=kill' },
    stdio: 'ignore',
  });
  assert.deepEqual(await once(child, 'exit'), [null, 'SIGKILL']);
});

test('a held place waits until its file is removed', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-hold-'));
  const file = join(folder, 'held');
  try {
    let passed = false;
    const held = hold(file).then(() => {
      passed = true;
    });
    assert.equal(readFileSync(file, 'utf8'), String(process.pid));
    assert.equal(passed, false);
    rmSync(file);
    await held;
    assert.equal(passed, true);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
