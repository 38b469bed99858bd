// A whole Lockstep on a file system that the kernel has turned read-only under it: sites go on, what would write is refused by
// name, and once the disk is mended everything goes on from what was on it.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { until } from './support/stage.ts';
import { openSiteOnDisk } from './support/stage-on-disk.ts';

test('C3: when the disk can no longer be written sites go on, control says so, and a mended disk is taken up again', async (context) => {
  await using opened = await openSiteOnDisk(context);
  if (opened === null) return;
  const { stage, disk, work } = opened;
  const before = stage.pids();

  disk.breakDown();
  for (let at = 0; at < 20; at += 1) assert.match((await stage.get('blog')).body, /Page 1/);
  await until(
    async () => {
      const made = await stage.api('/apps', { method: 'POST', body: { name: 'other' } });
      return made.status === 503 && made.body?.code === 'disk-failed';
    },
    30_000,
    () => `nothing says that the disk cannot be written\n${stage.upStderr}`,
  );
  await stage.edit(work, 'index.html', 'Page 1', 'Page 2');
  const refused = await stage.push(work);
  assert.notEqual(refused.code, 0);
  assert.match(refused.stderr, /disk-failed/, refused.stderr);
  assert.match((await stage.get('blog')).body, /Page 1/);
  assert.deepEqual(stage.pids(), before, 'nobody died of it');

  await stage.down();
  disk.mend();
  await stage.up();
  await until(
    async () => (await stage.get('blog')).body.includes('Page 1'),
    20_000,
    () => `the site is not back\n${stage.upStderr}`,
  );
  await stage.deploy(work);
  assert.match((await stage.get('blog')).body, /Page 2/);
  await stage.inSync('blog');
  // Folders whose record was not on the disk yet are left over, and have one right answer.
  await stage.lockstep(['doctor', '--fix']);
  const doctor = await stage.lockstep(['doctor', '--json']);
  assert.equal(doctor.code, 0, doctor.stdout + doctor.stderr);
  const database = new DatabaseSync(join(stage.home, 'control', 'lockstep.db'), { readOnly: true });
  assert.equal(database.prepare('PRAGMA integrity_check').get()?.integrity_check, 'ok');
  database.close();
});
