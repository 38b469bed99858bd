// Pushes that meet: each accepted tip ends in exactly one landed change, each refused one is told, and what is live only goes on.
// LOCKSTEP_TEST_ROUNDS sets another number of rounds.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { leftOver } from './support/left-over.ts';
import { PageWatch } from './support/page-watch.ts';
import { type Ended, type Json, Stage, until } from './support/stage.ts';

const rounds = Number(process.env.LOCKSTEP_TEST_ROUNDS ?? 100);
/**
 * Starts in a few milliseconds, or after as many as `slow.txt` says. Its gate has a check that takes a while and no work: what an app of
 * Python is asked besides (its name would tell that it is one) costs a second of a core a push, and has nothing to do with who comes first.
 */
const files = {
  Procfile: 'web: exec python3 -I -S serve\n',
  'lockstep.yml': 'gate:\n  checks: { look: sleep 0.3 }\n',
  'change.txt': 'page 0\n',
  'slow.txt': '0\n',
  serve: `import os
import socket
import time

time.sleep(int(open("slow.txt").read()) / 1000)
text = open("change.txt").read()
answer = (
    "HTTP/1.1 200 OK\\r\\nConnection: close\\r\\n"
    f"Content-Length: {len(text)}\\r\\n\\r\\n{text}"
).encode()
server = socket.create_server(("127.0.0.1", int(os.environ["PORT"])), backlog=128)
while True:
    client, _ = server.accept()
    client.recv(65536)
    client.sendall(answer)
    client.close()
`,
};
let stage: Stage;

before(async () => {
  stage = await Stage.open();
});
after(async () => {
  await stage[Symbol.asyncDispose]();
  assert.deepEqual(leftOver(stage.folder), []);
});

/** Another work tree of the app. */
async function clone(work: string, name: string): Promise<string> {
  const other = join(stage.folder, name);
  assert.equal((await stage.git(stage.folder, 'clone', '-q', work, other)).code, 0);
  const { stdout } = await stage.git(work, 'config', '--get-regexp', '^(remote.lockstep|credential|http)');
  for (const line of stdout.split('\n').filter((text) => text !== '')) {
    const [key = '', ...value] = line.split(' ');
    await stage.git(other, 'config', '--add', key, value.join(' '));
  }
  return other;
}

async function allChanges(app: string): Promise<Json[]> {
  const list: Json[] = [];
  for (let path = `/apps/${app}/changes?limit=20`; ; ) {
    const { body } = await stage.api(path);
    list.push(...body.items);
    if (!body.next) return list;
    path = `/apps/${app}/changes?limit=20&cursor=${encodeURIComponent(body.next)}`;
  }
}

test('D1: a push while another is being deployed waits, is told that main moved, and lands after it: never the first after the second', async () => {
  const app = 'queue';
  const work = await stage.makeApp(app, files);
  await stage.deploy(work);
  await using watch = new PageWatch(stage, app, /^page (\d+)$/m);
  stage.write(work, { 'slow.txt': '1500\n' });
  await stage.edit(work, 'change.txt', /.*/, 'page 1');
  const second = await clone(work, 'second');
  await stage.edit(second, 'change.txt', /.*/, 'page 2');
  const first = stage.push(work);
  await until(
    async () => (await stage.status(app)).state === 'DEPLOYING',
    30_000,
    () => 'the first push never began',
  );
  const beside = await stage.push(second);
  assert.equal((await first).code, 0, 'the first one goes on undisturbed');
  assert.equal(beside.code, 1);
  assert.match(beside.stderr, /another change of this app is on its way; waiting for it/);
  assert.match(beside.stderr, /main moved to [0-9a-f]{7}; git pull --rebase, then push again/);
  await stage.deploy(second);
  await stage.inSync(app);
  await until(
    () => watch.newest === 2,
    30_000,
    () => `page ${watch.newest} is the newest`,
  );
  assert.deepEqual(watch.problems(), []);
  const states = (await allChanges(app)).map(({ state, head }: Json) => [state, head]);
  const tips = [];
  for (const rev of ['HEAD', 'HEAD~1', 'HEAD~2']) tips.push((await stage.git(second, 'rev-parse', rev)).stdout.trim());
  assert.deepEqual(
    states,
    tips.map((tip) => ['landed', tip]),
  );
});

test(`D2: two pushes at once, ${rounds} rounds: one lands, the other is told, and main has each accepted tip once`, async () => {
  const app = 'race';
  const work = await stage.makeApp(app, files);
  await stage.deploy(work);
  const clients = [work, await clone(work, 'rival')];
  await using watch = new PageWatch(stage, app, /^page (\d+)/m, 50);
  const accepted: string[] = [];
  const wins = [0, 0];
  for (let round = 1; round <= rounds; round += 1) {
    const tips = await Promise.all(
      clients.map((client, number) => stage.edit(client, 'change.txt', /.*/, `page ${round} of ${number}`)),
    );
    const pushed = await Promise.all(clients.map((client) => stage.push(client)));
    const winners = pushed.flatMap(({ code }, number) => (code === 0 ? [number] : []));
    assert.equal(winners.length, 1, pushed.map(({ stderr }: Ended) => stderr).join('\n') + stage.logs());
    const winner = winners[0]!;
    wins[winner]! += 1;
    accepted.push(tips[winner]!);
    const loser = 1 - winner;
    assert.match(pushed[winner]!.stderr, /live: http/);
    assert.match(pushed[loser]!.stderr, /rejected|main moved to/);
    await stage.git(clients[loser]!, 'fetch', '-q', clients[winner]!, 'main');
    await stage.git(clients[loser]!, 'reset', '-q', '--hard', tips[winner]!);
  }
  await stage.inSync(app);
  const landed = (await allChanges(app)).filter(({ state }: Json) => state === 'landed');
  assert.deepEqual(
    landed
      .map(({ head }: Json) => head)
      .reverse()
      .slice(1),
    accepted,
  );
  const others = (await allChanges(app)).filter(({ state }: Json) => state !== 'landed');
  assert.deepEqual(
    others.filter(({ reason }: Json) => !reason),
    [],
    'whatever did not land says why',
  );
  const log = await stage.git(clients[0]!, 'log', '--format=%H', '--reverse', 'HEAD');
  assert.deepEqual(log.stdout.trim().split('\n').slice(1), accepted);
  assert.deepEqual(watch.problems(), []);
});
