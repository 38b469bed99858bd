import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { git, makePlace } from '../fake-place.ts';

test('gate --print says what it would do of a tree that has nothing but a Dockerfile, without an engine', async () => {
  const place = makePlace(null);
  using _place = place;
  git(place, 'init', '-q', '-b', 'main');
  writeFileSync(join(place.work, 'Dockerfile'), 'FROM scratch\nCOPY . /\nCMD ["/serve"]\n');
  const env = { ...place.env, LOCKSTEP_ENGINE: '/nowhere/engine.sock' };
  const ran = await place.run(['gate', '--print'], { env });
  assert.equal(ran.code, 0, ran.err);
  assert.match(ran.out, /^app: Dockerfile: the repository has one$/m);
  writeFileSync(join(place.work, 'Dockerfile'), 'FROM node:24 AS test\nCOPY . /app\nFROM scratch\nCMD ["/serve"]\n');
  writeFileSync(join(place.work, 'package.json'), '{"scripts": {"test": "node --test"}}');
  writeFileSync(join(place.work, 'a.test.js'), '');
  const { checks } = JSON.parse((await place.run(['gate', '--print', '--json'], { env })).out);
  const wheres = (checks as { what: string; where?: string }[]).flatMap(({ what, where }) =>
    where ? [[what, where]] : [],
  );
  assert.deepEqual(Object.fromEntries(wheres), { style: 'the machine', tests: 'the image, stage test' });
  assert.match((await place.run(['gate', '--print'], { env })).out, /^tests +.* default +the image, stage test$/m);
  writeFileSync(join(place.work, 'lockstep.yml'), 'runtime: process\n');
  const refused = await place.run(['gate', '--print', '--json'], { env });
  assert.deepEqual([refused.code, JSON.parse(refused.out).error.code], [65, 'no-detector']);
});
