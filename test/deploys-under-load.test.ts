// Invariant P3: no error made by the platform during a switch. Fifty deploys in a row under a steady load of everything that a
// visitor can ask of an app.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { leftOver } from './support/left-over.ts';
import { deploysOf, deployUnderLoad, makeTrafficApp } from './support/load-deploys.ts';
import { Stage } from './support/stage.ts';
import { Traffic } from './support/traffic.ts';

const app = 'busy';
const deploys = deploysOf(50);
const deploysBeside = 12;
let stage: Stage;
let work: string;

before(async () => {
  stage = await Stage.open();
  work = await makeTrafficApp(stage, app);
});
after(async () => {
  await stage[Symbol.asyncDispose]();
  assert.deepEqual(leftOver(stage.folder), []);
});

test(`E1, E2, E3: ${deploys} deploys under pages, posts, uploads, downloads, sockets and streams: none fails, nothing goes back`, async (t) => {
  const requests = await deployUnderLoad(stage, app, work, deploys);
  t.diagnostic(`${requests} requests`);
});

test(`two apps deploy at once, ${deploysBeside} times each, both under traffic: neither feels the other`, async () => {
  const beside = await makeTrafficApp(stage, 'beside');
  const apps = { [app]: work, beside };
  const traffics = Object.keys(apps).map((name) => Traffic.of(stage, name, { slower: 2 }));
  try {
    await Promise.all(
      Object.values(apps).map(async (folder) => {
        for (let number = 1; number <= deploysBeside; number += 1) {
          await stage.edit(folder, 'change.txt', /.*/, `beside ${number}`);
          await stage.deploy(folder);
        }
      }),
    );
    for (const name of Object.keys(apps)) await stage.inSync(name);
    for (const traffic of traffics) assert.deepEqual(await traffic.verdict(), []);
  } finally {
    for (const traffic of traffics) await traffic[Symbol.asyncDispose]();
  }
});
