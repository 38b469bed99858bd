// The last resort, tried: a server with two apps is backed up while it serves and while a push runs, its home is lost, and the file
// brings everything back in another place. And receipts: fetched, guarded, made up for after a crash, and verified with the
// old key in the new place.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type Json, Stage, until } from './support/stage.ts';

const flask = {
  'requirements.txt': 'flask\n',
  'lockstep.yml': 'volumes:\n  data: data\n',
  'app.py': `"""A page that shows what it was given to keep."""
import os
from pathlib import Path

from flask import Flask

app = Flask(__name__)
KEPT = Path(os.environ["LOCKSTEP_VOLUME_DATA"]) / "kept.txt"
WORD = "one"


@app.get("/")
def show():
    kept = KEPT.read_text().strip() if KEPT.exists() else "nothing"
    return f"{WORD} {os.environ.get('GREETING', 'no greeting')} {kept}"
`,
};

let old: Stage;
let fresh: Stage;
let site: string;
let notes: string;
const file = (name: string) => join(old.folder, name);

before(async () => {
  old = await Stage.open();
  fresh = Stage.bare();
  site = await old.makeApp('site', { 'index.html': '<h1>first</h1>\n' });
  notes = await old.makeApp('notes', flask);
});
after(async () => {
  await fresh[Symbol.asyncDispose]();
  await old[Symbol.asyncDispose]();
});

async function must(stage: Stage, words: string[], more: { cwd?: string; input?: string } = {}): Promise<string> {
  const ran = await stage.lockstep(words, more);
  assert.equal(ran.code, 0, `${words.join(' ')}: ${ran.stderr}${stage.logs()}`);
  return ran.stdout;
}

/** What one can see of an app from outside, and what must be the same afterwards. */
async function seen(stage: Stage, app: string): Promise<Json> {
  const { body: releases } = await stage.api(`/apps/${app}/releases?limit=100`);
  const { body: changes } = await stage.api(`/apps/${app}/changes?limit=100`);
  const { body: events } = await stage.api(`/apps/${app}/events?limit=200`);
  const { body: config } = await stage.api(`/apps/${app}/config?reveal=true`);
  const { body: about } = await stage.api(`/apps/${app}`);
  return {
    page: (await stage.get(app)).body,
    releases: releases.items,
    changes: changes.items,
    events: events.items,
    config,
    hosts: about.hosts,
  };
}

test('receipts come as notes that can be fetched, also when control died right after the landing, and nobody pushes there', async () => {
  await old.deploy(site);
  await old.edit(site, 'index.html', 'first', 'second');
  await old.deploy(site);
  process.kill(old.pids().control, 'SIGKILL');
  const head = (await old.git(site, 'rev-parse', 'HEAD')).stdout.trim();
  let note = '';
  await until(
    async () => {
      await old.git(site, 'fetch', '-q', 'lockstep', '+refs/notes/lockstep:refs/notes/lockstep');
      const shown = await old.git(site, 'notes', '--ref=lockstep', 'show', head);
      note = shown.stdout;
      return shown.code === 0;
    },
    20_000,
    () => `no note came\n${old.logs()}`,
  );
  writeFileSync(file('key.pem'), await must(old, ['receipt', 'key']));
  writeFileSync(file('note'), note);
  assert.equal(await must(old, ['receipt', 'v2', '-a', 'site']), note);
  const nowhere = { LOCKSTEP_HOME: join(old.folder, 'nowhere') };
  const verify = (name: string) =>
    old.lockstep(['receipt', '--verify', file(name), '--key', file('key.pem')], { env: nowhere });
  assert.match((await verify('note')).stdout, /^the receipt holds: site v2, /);
  writeFileSync(file('forged'), note.replace('"version": 2', '"version": 3'));
  assert.equal((await verify('forged')).code, 65);
  const { moments, verdict } = JSON.parse(note.slice(0, note.indexOf('\n-- ')));
  assert.ok(moments.received < moments.landed && verdict.outcome === 'passed');

  await old.git(site, 'update-ref', 'refs/notes/lockstep', 'HEAD');
  const pushed = await old.git(site, 'push', '-f', 'lockstep', 'refs/notes/lockstep');
  assert.notEqual(pushed.code, 0);
  assert.match(pushed.stderr, /cannot be pushed/);
});

test('a server that is lost comes back from a backup that was made while it served and while a push ran', async (t) => {
  await old.deploy(notes);
  await must(old, ['config', 'set', 'GREETING=hello', '-a', 'notes']);
  await must(old, ['run', '-a', 'notes', '--', 'sh', '-c', 'echo precious > "$LOCKSTEP_VOLUME_DATA/kept.txt"']);
  await old.edit(notes, 'app.py', 'WORD = "one"', 'WORD = "two"');
  await old.deploy(notes);
  assert.equal((await old.get('notes')).body, 'two hello precious');
  const token = (await must(old, ['tokens', 'create', 'ci', '--rights', 'read', '--apps', 'site'])).trim();
  const receipt = await must(old, ['receipt', 'v3', '-a', 'notes']);
  const was = { site: await seen(old, 'site'), notes: await seen(old, 'notes') };

  writeFileSync(file('passphrase'), 'correct horse battery\n', { mode: 0o600 });
  const secret = ['--passphrase-file', file('passphrase')];
  await old.edit(site, 'index.html', 'second', 'third');
  const pushing = old.push(site);
  await until(
    async () => (await old.status('site')).state === 'DEPLOYING',
    20_000,
    () => 'the push has not begun',
  );
  const made = JSON.parse(await must(old, ['backup', file('backup'), ...secret, '--json']));
  assert.equal((await pushing).code, 0);
  assert.deepEqual([made.apps, made.isEncrypted, made.volumes.files], [2, true, 1]);
  assert.equal(statSync(file('backup')).mode & 0o777, 0o600);
  assert.ok(!readFileSync(file('backup')).includes('hello'));
  const tried = JSON.parse(await must(old, ['backup', '--verify', file('backup'), ...secret, '--json']));
  assert.equal(tried.ok, true, JSON.stringify(tried));
  t.diagnostic(`backup ${made.durationMs} ms, ${made.bytes} bytes; its trial ${Math.round(tried.totalMs)} ms`);
  const nodeId = readFileSync(join(old.home, 'agent', 'node-id'), 'utf8');
  await old.down();

  const restore = (more: string[]) => fresh.lockstep(['restore', file('backup'), ...more]);
  assert.equal((await restore([])).code, 64, 'nobody is there to be asked for the passphrase');
  writeFileSync(file('wrong'), 'another one entirely\n');
  assert.equal((await restore(['--passphrase-file', file('wrong')])).code, 65);
  assert.ok(!existsSync(join(fresh.home, 'control')));
  const restored = JSON.parse(await must(fresh, ['restore', file('backup'), ...secret, '--json']));
  t.diagnostic(`restore ${restored.durationMs} ms`);
  assert.equal((await restore(secret)).code, 75, 'a home that is not empty is left alone');

  fresh.giveTools();
  const upAt = performance.now();
  await fresh.up();
  for (const app of ['site', 'notes']) await fresh.inSync(app, 90_000);
  t.diagnostic(`from up to both apps in sync ${Math.round(performance.now() - upAt)} ms`);
  assert.equal(readFileSync(join(fresh.home, 'agent', 'node-id'), 'utf8'), nodeId);
  const now = { site: await seen(fresh, 'site'), notes: await seen(fresh, 'notes') };
  assert.equal(now.notes.page, 'two hello precious');
  // The push that ran is in it or not, whole.
  const wereLive = now.site.releases.filter(({ version }: Json) => version !== null);
  assert.match(now.site.page, wereLive.length === 2 ? /second/ : /third/);
  for (const app of ['site', 'notes'] as const) {
    assert.deepEqual(now[app].config, was[app].config);
    assert.deepEqual(now[app].hosts, was[app].hosts);
    for (const list of ['releases', 'changes'] as const) {
      const kept = now[app][list].filter((one: Json) => was[app][list].some((other: Json) => other.id === one.id));
      const before = was[app][list].map(({ id }: Json) => id);
      assert.deepEqual(
        kept.map(({ id }: Json) => id),
        before,
        `${list} of ${app}`,
      );
    }
    assert.deepEqual(now[app].events.slice(0, was[app].events.length), was[app].events, `events of ${app}`);
  }
  assert.equal((await fresh.api('/apps/site', { token })).status, 200);
  assert.equal((await fresh.api('/apps/notes', { token })).status, 404);

  await must(fresh, ['rollback', 'v1', '-a', 'notes']);
  assert.equal((await fresh.get('notes')).body, 'one hello precious');
  await must(fresh, ['remote', '-a', 'site'], { cwd: site });
  await fresh.edit(site, 'index.html', 'third', 'fourth');
  await fresh.deploy(site);
  assert.match((await fresh.get('site')).body, /fourth/);

  writeFileSync(file('kept'), receipt);
  writeFileSync(file('new'), await must(fresh, ['receipt', '-a', 'site']));
  assert.equal(await must(fresh, ['receipt', 'v3', '-a', 'notes']), receipt);
  for (const name of ['kept', 'new'])
    assert.match(
      await must(fresh, ['receipt', '--verify', file(name), '--key', file('key.pem')]),
      /^the receipt holds/,
    );
  assert.equal((await fresh.api('/key')).body.pem, readFileSync(file('key.pem'), 'utf8'));
});

test('a backup that was cut is refused, by the restore and by its trial', async () => {
  truncateSync(file('backup'), statSync(file('backup')).size - 1);
  const secret = ['--passphrase-file', file('passphrase')];
  const elsewhere = join(fresh.folder, 'elsewhere');
  const restored = await fresh.lockstep(['restore', file('backup'), '--home', elsewhere, ...secret]);
  assert.deepEqual([restored.code, existsSync(elsewhere)], [65, false]);
  assert.match(restored.stderr, /cut short/);
  assert.equal((await fresh.lockstep(['backup', '--verify', file('backup'), ...secret])).code, 65);
});
