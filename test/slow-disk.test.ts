// A disk that takes nothing for seconds: whoever writes waits for it, visitors do not, and then everything goes on.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openSiteOnDisk } from './support/stage-on-disk.ts';

const frozenMs = 3000;

test('C7: while the disk takes nothing the sites go on, and a push that waited for it lands', async (context) => {
  await using opened = await openSiteOnDisk(context);
  if (opened === null) return;
  const { stage, disk, work } = opened;
  const before = stage.pids();
  await stage.edit(work, 'index.html', 'Page 1', 'Page 2');
  let pages = 0;
  disk.freeze(frozenMs / 1000 + 5);
  const pushing = stage.push(work);
  let hasEnded = false;
  void pushing.then(() => {
    hasEnded = true;
  });
  try {
    for (const end = performance.now() + frozenMs; performance.now() < end; pages += 1) {
      assert.match((await stage.get('blog')).body, /Page 1/);
      // The router has something to say of this, and its log is on that disk.
      assert.equal((await stage.get('nobody')).status, 404);
    }
    assert.equal(hasEnded, false, 'the push waits for the disk');
  } finally {
    disk.thaw();
  }
  assert.ok(pages >= 10, `${pages} pages were served meanwhile`);
  const pushed = await pushing;
  assert.equal(pushed.code, 0, pushed.stderr + stage.logs());
  assert.match((await stage.get('blog')).body, /Page 2/);
  assert.deepEqual(stage.pids(), before);
  await stage.inSync('blog');
});
