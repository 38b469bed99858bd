import assert from 'node:assert/strict';
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { launch } from './process/launcher.ts';
import { terminate } from './process/terminate.ts';
import { removeTree } from './remove-tree.ts';

const needsRoot = { skip: process.getuid?.() === 0 ? false : 'not root' };
const scratch = mkdtempSync(join(tmpdir(), 'lockstep-remove-'));
chmodSync(scratch, 0o711);
after(() => rmSync(scratch, { recursive: true, force: true }));

test('a folder goes with closed folders, odd names and links, and nothing behind a link', async () => {
  const at = join(scratch, 'all');
  const kept = join(scratch, 'kept');
  for (const path of [join(at, 'closed', 'deep'), kept]) mkdirSync(path, { recursive: true });
  for (const path of [join(kept, 'file'), join(at, 'closed', 'deep', 'file')]) writeFileSync(path, '');
  writeFileSync(Buffer.concat([Buffer.from(`${at}/`), Buffer.from([0xff, 0x0a])]), '');
  symlinkSync(kept, join(at, 'link'));
  for (const path of [join(at, 'closed', 'deep'), join(at, 'closed')]) chmodSync(path, 0);
  await removeTree(at);
  await removeTree(at);
  symlinkSync(kept, at);
  await removeTree(at);
  assert.deepEqual([existsSync(at), existsSync(join(kept, 'file'))], [false, true]);
});

test('a process that exchanges folders for links leads root nowhere', needsRoot, async () => {
  const kept = join(scratch, 'precious');
  mkdirSync(join(kept, 'd'), { recursive: true });
  writeFileSync(join(kept, 'd', 'file'), '');
  for (let round = 0; round < 2; round += 1) {
    const at = join(scratch, `raced-${round}`);
    mkdirSync(at);
    chownSync(at, 59_901, 59_901);
    // It stands inside, so that closing the way to it does not stop it.
    const script = `
import os
for name in range(100): os.makedirs(f'{name}/d')
open('ready', 'w').close()
while True:
  for name in range(100):
    try:
      os.rename(str(name), f'x{name}'); os.symlink(${JSON.stringify(kept)}, str(name))
      os.remove(str(name)); os.rename(f'x{name}', str(name))
    except OSError: pass
`;
    const racer = await launch({
      ...{ argv: ['/usr/bin/python3', '-S', '-c', script], cwd: at, env: { PATH: '/usr/bin:/bin' }, fifo: null },
      ...{
        exitFile: null,
        cgroups: [],
        openFiles: null,
        fileBytes: null,
        limitArgv: [],
        identity: { uid: 59_901, gid: 59_901 },
      },
    });
    try {
      while (!existsSync(join(at, 'ready'))) await new Promise((resolve) => setTimeout(resolve, 5));
      await removeTree(at);
    } finally {
      await terminate({ leader: racer, cgroup: null, mark: null, graceMs: 0 });
    }
    assert.deepEqual([existsSync(at), existsSync(join(kept, 'd', 'file'))], [false, true], `round ${round}`);
  }
});
