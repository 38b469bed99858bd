// Landing as a developer does it, on a real Lockstep: branches are checked when they are pushed, merged when that is asked for by
// git, by the command or by the API, refused with what is wrong, and let past the checks only with a reason that everybody sees.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { problemsAtRest } from './support/oracles.ts';
import { type Json, Stage, until } from './support/stage.ts';

const serve = `import http.server
import os


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(TITLE.encode())


TITLE = "first"
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Page).serve_forever()
`;

let stage: Stage;
let work: string;
const app = 'tide';

before(async () => {
  stage = await Stage.open();
  work = await stage.makeApp(app, { 'app.py': serve, Procfile: 'web: python3 app.py\n', 'notes.txt': 'notes\n' });
  await stage.deploy(work);
});
after(() => stage[Symbol.asyncDispose]());

/** A branch from main as it is at the server, with these files. */
async function branch(name: string, files: Record<string, string>): Promise<string> {
  await stage.git(work, 'fetch', '-q', 'lockstep', 'main');
  await stage.git(work, 'checkout', '-q', '-B', name, 'FETCH_HEAD');
  stage.write(work, files);
  return stage.commit(work, `work of ${name}`);
}
const titled = (title: string) => ({ 'app.py': serve.replace('"first"', `"${title}"`) });
const body = async () => (await stage.get(app)).body;
const tip = async () => (await stage.git(work, 'ls-remote', 'lockstep', 'refs/heads/main')).stdout.split('\t')[0];
const changes = async (): Promise<Json[]> => (await stage.api(`/apps/${app}/changes`)).body.items;

test('a branch is checked when it is pushed, and -o merge lands it from what was found then', async () => {
  const head = await branch('title', titled('second'));
  const pushed = await stage.push(work, 'title');
  assert.equal(pushed.code, 0, pushed.stderr);
  assert.match(pushed.stderr, /title is stored, and not deployed[\s\S]*style ok[\s\S]*mergeable: yes/);
  assert.equal(await body(), 'first');
  const merged = await stage.push(work, '-o', 'merge', 'HEAD:refs/for/main');
  assert.equal(merged.code, 0, merged.stderr + stage.logs());
  assert.match(merged.stderr, /\[new reference\]/);
  assert.match(merged.stderr, /checks ok: this tree was checked before[\s\S]*main is now \w{7}: git pull[\s\S]*live: /);
  assert.equal(await body(), 'second');
  assert.equal(await tip(), head);
});

test('a branch that breaks style is stored, told where, and not merged', async () => {
  const before = await tip();
  const head = await branch('ugly', { 'more.py': 'x=1\n' });
  const pushed = await stage.push(work, 'ugly');
  assert.equal(pushed.code, 0, pushed.stderr);
  assert.match(pushed.stderr, /style FAILED .*more\.py:1 [\s\S]*mergeable: no, \d+ finding/);
  const asked = await stage.lockstep(['merge', 'ugly', '--wait'], { cwd: work });
  assert.equal(asked.code, 1, asked.stdout + asked.stderr);
  assert.match(asked.stderr, /REJECTED by style; main and live unchanged at/);
  const dry = await stage.lockstep(['merge', '--dry-run'], { cwd: work });
  assert.equal(dry.code, 1);
  assert.match(dry.stdout, /^mergeable: no, style: .*\n {2}more\.py:1 /);
  assert.equal(await tip(), before);
  assert.equal((await stage.git(work, 'ls-remote', 'lockstep', 'ugly')).stdout.split('\t')[0], head);
});

test('a merge commit is made where main went on, and the same commit asked for twice is one change', async () => {
  await branch('notes', { 'notes.txt': 'better notes\n' });
  await branch('other', titled('third'));
  const first = await stage.push(work, '-o', 'merge', 'other');
  assert.equal(first.code, 0, first.stderr);
  await stage.git(work, 'checkout', '-q', 'notes');
  assert.equal((await stage.push(work, '-o', 'detach', 'notes')).code, 0);
  const [one, again] = await Promise.all(
    [0, 1].map(() => stage.api(`/apps/${app}/merges`, { method: 'POST', body: { branch: 'notes' } })),
  );
  assert.equal(one!.status, 202, JSON.stringify(one!.body));
  const change = (await changes()).find(({ id }: Json) => id === one!.body.id);
  assert.deepEqual(again!.body, one!.body);
  let state = '';
  await until(
    async () => {
      state = (await stage.api(`/apps/${app}/changes/${one!.body.id}`)).body.state;
      return state === 'landed';
    },
    60_000,
    () => `${state}: ${stage.logs()}`,
  );
  assert.equal(change.how, 'merge');
  await stage.git(work, 'fetch', '-q', 'lockstep', 'main');
  const said = (await stage.git(work, 'log', '-1', '--format=%an|%cn|%P|%B', 'FETCH_HEAD')).stdout;
  assert.match(said, /^Ada\|Lockstep\|\w{40} \w{40}\|Merge notes\n\n\* work of notes\n\nLockstep-Change: chg_/);
  assert.equal(await body(), 'third');
});

test('what conflicts says where, at once', async () => {
  await branch('left', { 'notes.txt': 'left\n' });
  await branch('right', { 'notes.txt': 'right\n' });
  const left = await stage.push(work, '-o', 'merge', 'left');
  assert.equal(left.code, 0, left.stderr);
  const pushed = await stage.push(work, '-o', 'merge', 'right');
  assert.equal(pushed.code, 1, pushed.stderr);
  assert.match(pushed.stderr, /not merged: conflicts with main in notes\.txt/);
});

test('a client that is killed leaves its merge request, and it is cancelled by name', async () => {
  await branch('slow', { 'notes.txt': 'slow\n' });
  const { child, ended } = stage.spawn(['git', 'push', '-o', 'merge', 'lockstep', 'slow'], { cwd: work });
  await until(
    async () => (await changes())[0]?.source === 'slow',
    30_000,
    () => stage.logs(),
  );
  child.kill('SIGKILL');
  await ended;
  await until(
    async () => (await changes())[0]?.endedAt !== null,
    60_000,
    () => stage.logs(),
  );
  assert.equal((await changes())[0].state, 'landed');
  const cancelled = await stage.lockstep(['merge', 'slow', '--cancel'], { cwd: work });
  assert.match(cancelled.stderr, /nobody has asked for slow to be merged, or it has ended/);
});

test('a request is cancelled by name while it is checked, and the push that follows it says so', async () => {
  await branch('brake', { 'lockstep.yml': 'gate:\n  checks: { slow: sleep 120 }\n' });
  const before = await tip();
  const pushed = stage.push(work, '-o', 'merge', 'brake');
  const state = async (): Promise<string> => `${(await changes())[0].source} ${(await changes())[0].state}`;
  await until(
    async () => (await state()) === 'brake gating',
    30_000,
    () => stage.logs(),
  );
  const cancelled = await stage.lockstep(['merge', 'brake', '--cancel'], { cwd: work });
  assert.deepEqual([cancelled.code, /^change #\d+ is cancelled$/m.test(cancelled.stdout)], [0, true], cancelled.stderr);
  const { code, stderr } = await pushed;
  assert.equal(code, 1, stderr);
  assert.match(stderr, /not merged: cancelled by owner/);
  assert.deepEqual([await state(), await tip()], ['brake cancelled', before]);
});

test('a token that is revoked stops what it asked for, while it is checked, and who follows is told', async () => {
  await stage.git(work, 'checkout', '-q', 'brake');
  const made = await stage.api('/tokens', { method: 'POST', body: { name: 'ci', rights: ['read', 'deploy'] } });
  const { secret: token, id } = made.body;
  const before = await tip();
  const tooMuch = await stage.api(`/apps/${app}/merges`, {
    ...{ method: 'POST', token, body: { branch: 'title', allowWeaken: true } },
  });
  assert.deepEqual([tooMuch.status, tooMuch.body.missing], [403, ['admin']], JSON.stringify(tooMuch.body));
  const url = new URL((await stage.git(work, 'remote', 'get-url', 'lockstep')).stdout.trim());
  url.password = token;
  const pushed = stage.git(work, 'push', url.href, 'HEAD:refs/for/main');
  const last = async (): Promise<string> => `${(await changes())[0].actor} ${(await changes())[0].state}`;
  await until(
    async () => (await last()) === 'ci gating',
    30_000,
    () => stage.logs(),
  );
  assert.equal((await stage.api(`/tokens/${id}`, { method: 'DELETE' })).status, 204);
  const { code, stderr } = await pushed;
  assert.equal(code, 1, stderr);
  assert.match(stderr, /cancelled: its token "ci" was revoked/);
  assert.equal(await last(), 'ci cancelled');
  assert.equal(await tip(), before);
});

test('an override lands with its reason in commit, receipt and status, and what it let through stays new', async () => {
  await branch('fire', { 'fire.py': 'y=2\n' });
  assert.equal((await stage.push(work, '-o', 'detach', 'fire')).code, 0);
  const landed = await stage.lockstep(['land', 'fire', '--override', 'the tide is coming in'], { cwd: work });
  assert.equal(landed.code, 0, landed.stdout + landed.stderr);
  await stage.git(work, 'fetch', '-q', 'lockstep', 'main');
  const said = (await stage.git(work, 'log', '-1', '--format=%B', 'FETCH_HEAD')).stdout;
  assert.match(said, /^Lockstep-Override: the tide is coming in \(owner\)$/m);
  const status = await stage.inSync(app);
  assert.match(status.why, /landed without the checks: the tide is coming in/);
  const receipt = await stage.lockstep(['receipt', '-a', app]);
  assert.match(receipt.stdout, /"name": "override"/);
  assert.match(receipt.stdout, /owner let it past them \(the tide is coming in\)/);
  const reader = await stage.api('/tokens', { method: 'POST', body: { name: 'dev', rights: ['read', 'deploy'] } });
  const refused = await stage.api(`/apps/${app}/merges`, {
    method: 'POST',
    body: { branch: 'title', override: 'because' },
    token: reader.body.secret,
  });
  assert.equal(refused.status, 403);
  // The finding is not on the lines that this changes, and main's measure is that of before.
  await branch('after', { 'notes.txt': 'after the fire\n' });
  const next = await stage.push(work, 'after');
  assert.match(next.stderr, /style FAILED .*fire\.py:1 [\s\S]*mergeable: no/);
  await branch('mend', { 'fire.py': '"""What was on fire."""\n\ny = 2\n' });
  assert.equal((await stage.push(work, '-o', 'detach', 'mend')).code, 0);
  const mended = await stage.lockstep(['merge', 'mend', '--priority', 'hotfix', '--wait'], { cwd: work });
  assert.equal(mended.code, 0, mended.stdout + mended.stderr);
});

test('at rest nothing is left of what was tried', async () => {
  assert.deepEqual(await problemsAtRest(stage), []);
});
