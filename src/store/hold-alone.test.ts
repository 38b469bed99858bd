import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { holdAlone } from './hold-alone.ts';

test('one holds, a second is refused, and the death of the first lets go', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-hold-alone-'));
  const file = join(folder, 'lock');
  const script = `import { holdAlone } from ${JSON.stringify(join(import.meta.dirname, 'hold-alone.ts'))};
const held = holdAlone(${JSON.stringify(file)}); console.log('held'); setInterval(() => held, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'ignore'] });
  try {
    await once(child.stdout, 'data');
    child.kill('SIGSTOP');
    assert.throws(() => holdAlone(file), { code: 'home-in-use' });
    child.kill('SIGKILL');
    await once(child, 'exit');
    using _held = holdAlone(file);
  } finally {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true });
  }
});
