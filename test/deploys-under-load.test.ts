// Invariant P3: no error made by the platform during a switch. Twenty deploys in a row under a steady load.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { leftOver } from './support/left-over.ts';
import { PageWatch } from './support/page-watch.ts';
import { root, Stage, until } from './support/stage.ts';

const app = 'busy';
const deploys = 20;
let stage: Stage;
let work: string;

before(async () => {
  stage = await Stage.open();
  work = await stage.makeApp(app, join(root, 'examples', 'static-site'));
  await stage.deploy(work);
});
after(async () => {
  await stage[Symbol.asyncDispose]();
  assert.deepEqual(leftOver(stage.folder), []);
});

test(`${deploys} deploys under 100 requests a second: none fails, and the page never goes back`, async () => {
  await using watch = new PageWatch(stage, app, /<h1>Tide Pool ?(\d*)/, 10);
  for (let number = 1; number <= deploys; number += 1) {
    await stage.edit(work, 'index.html', /<h1>.*<\/h1>/, `<h1>Tide Pool ${number}</h1>`);
    await stage.deploy(work);
  }
  await until(
    () => watch.newest === deploys,
    10_000,
    () => `page ${watch.newest} is the newest`,
  );
  assert.deepEqual(watch.problems(), []);
  assert.ok(watch.requests > deploys * 10, `${watch.requests} requests`);
  const { release } = await stage.inSync(app);
  assert.equal(release.version, deploys + 1);
});
