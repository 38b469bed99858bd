import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { git, makePlace } from '../fake-place.ts';

test('dockerfile prints one for the work tree, with what is worth knowing beside it', async () => {
  const place = makePlace(null);
  using _place = place;
  git(place, 'init', '-q', '-b', 'main');
  assert.equal((await place.run(['dockerfile', '--committed'])).code, 64);
  writeFileSync(join(place.work, 'app.py'), 'from flask import Flask\napp = Flask(__name__)\n');
  const ran = await place.run(['dockerfile']);
  assert.equal(ran.code, 0, ran.err);
  assert.match(ran.out, /^# Written by lockstep dockerfile: Flask \(app\.py .*\)\n\nFROM python:/);
  assert.match(ran.out, /app:app"\]\n$/);
  assert.match(ran.err, /^note: there is no \.dockerignore/);
  writeFileSync(join(place.work, 'Dockerfile'), 'FROM scratch\n');
  const { dockerfile, notes } = JSON.parse((await place.run(['dockerfile', '--json'])).out);
  assert.equal(dockerfile, ran.out);
  assert.match(notes[0], /has a Dockerfile of its own/);
  writeFileSync(join(place.work, 'app.py'), 'print(1)\n');
  assert.equal((await place.run(['dockerfile'])).code, 65);
});
