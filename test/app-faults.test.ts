// What an app does wrong by itself: crashes, never becomes healthy, crashes again and again, starts slowly, binds what it
// should not. With a real agent and router: the release before it serves on, and the reason is the real one.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { backOffMs } from '../src/agent/desired/converge.ts';
import type { DesiredApp, DesiredSet } from '../src/domain/desired.ts';
import type { TreeId } from '../src/domain/ids.ts';
import type { JobSpec } from '../src/domain/job.ts';
import type { AgentEvent } from '../src/domain/observed.ts';
import { defaultLimits } from '../src/domain/plan.ts';
import { machine, newId, until } from './support/agent-machine.ts';

const source = readFileSync(join(import.meta.dirname, 'support', 'faulty-app.py'), 'utf8');

type Machine = Awaited<ReturnType<typeof machine>>;
type Incident = Extract<AgentEvent, { type: 'incident' }>;

/** A machine with one app whose release `fine` is live and routed. */
async function stand(timings: Parameters<typeof machine>[0] = {}) {
  const box = await machine(timings);
  await box.startRouter();
  await box.startAgent();
  const app = box.app();
  const treeId = await box.tree(app, { 'faulty.py': source });
  const live = faulty(box, treeId, ['fine'], { stage: 'live' });
  await box.put({ ...app, routed: live.id, sets: [live] });
  const one = await box.ofSet(live, 'healthy');
  await until('it serves', async () => (await box.get(app)).status === 200);
  return { box, app, treeId, live, one };
}

function faulty(box: Machine, treeId: TreeId, words: string[], more: Partial<DesiredSet> = {}): DesiredSet {
  const command = { argv: ['/usr/bin/python3', '-S', 'faulty.py', ...words] };
  const health = { path: '/', timeoutMs: 3000, host: 'app.localhost', acceptServerErrors: false };
  return box.set(treeId, '', { health, processes: [{ type: 'web', count: 1, command, env: {} }], ...more });
}

/** What the agent tells from now on. */
function listen(box: Machine) {
  const told: Incident[] = [];
  const end = new AbortController();
  const done = (async () => {
    for await (const event of box.client.events(end.signal)) if (event.type === 'incident') told.push(event);
  })();
  return {
    told,
    async [Symbol.asyncDispose]() {
      end.abort();
      await done;
    },
  };
}

/** Candidates beside the live release: each fails, and what is live never answers otherwise than before. */
async function candidates(stage: { box: Machine; app: DesiredApp; live: DesiredSet }, sets: DesiredSet[]) {
  const { box, app, live } = stage;
  const before = (await box.get(app)).text;
  await box.put({ ...app, routed: live.id, sets: [live, ...sets] });
  const ended = sets.map((set) => box.ofSet(set, 'failed', 'healthy'));
  const all = Promise.all(ended);
  for (let isOver = false; !isOver; ) {
    assert.deepEqual(await box.get(app), { status: 200, text: before, release: 'v1' });
    isOver = await Promise.race([all.then(() => true), new Promise<false>((go) => setTimeout(() => go(false), 20))]);
  }
  return all;
}

test('B1, B3: an app that is killed is started again, later each time, its visitors wait or are told a code, and the third time is an alarm', async () => {
  const stage = await stand();
  await using box = stage.box;
  const { app, live } = stage;
  await using events = listen(box);
  let { pid } = stage.one;
  for (const restarts of [1, 2, 3]) {
    process.kill(pid!, 'SIGKILL');
    const down = await box.instance('it waits', (one) => one.setId === live.id && one.restarts === restarts);
    assert.match(down.reason!, /^ended by SIGKILL after/);
    if (restarts === 3) break;
    // Asked while it waits, a request is held for the next start, or told why not.
    const { status, text } = await box.get(app);
    assert.ok(status === 200 || ([502, 503].includes(status) && /\bL\d\d\b/.test(text)), `${status} ${text}`);
    const again = await box.instance('it is back', (one) => one.state === 'healthy' && one.pid !== pid);
    assert.ok(again.startedAtMs - down.startedAtMs >= backOffMs(restarts));
    pid = again.pid;
  }
  await until('the alarm', () => events.told.some(({ what }) => what === 'crash-loop'));
  assert.deepEqual(
    events.told.map(({ what }) => what),
    ['crashed', 'restarted', 'healthy', 'crashed', 'restarted', 'healthy', 'crashed', 'crash-loop'],
  );
  assert.match(events.told.at(-1)!.reason, /^crashed 3 times within an hour/);
  const [now] = (await box.states()).instances;
  assert.ok(now!.notes.includes('crashed 3 times in the last hour'), now!.notes.join());
  assert.deepEqual(
    [1, 2, 3, 4, 5, 6, 7, 8].map(backOffMs),
    [1, 2, 4, 8, 16, 32, 60, 60].map((seconds) => seconds * 1000),
  );
});

test('B2: one that hangs, answers 500, serves elsewhere or ends has failed with the real cause, and the old one serves', async () => {
  const stage = await stand();
  await using box = stage.box;
  const modes = ['hang', 'broken', 'other-ports', 'done'];
  const failed = await candidates(
    stage,
    modes.map((mode) => faulty(box, stage.treeId, [mode])),
  );
  const told = failed.map(({ state, reason, notes }) => `${state}: ${reason}; ${notes.join('; ')}`);
  const expected = [
    /^failed: not healthy after [\d.]+ s: no answer on \/; /,
    /^failed: not healthy after [\d.]+ s: last answer 500 on \/; It answers 500: see its log/,
    /^failed: not healthy after [\d.]+ s: no answer on \/; It listens on \d+, \d+, not on \$PORT \(\d+\)\./,
    /^failed: exited with code 0 after [\d.]+ s; It ended without an error: the web process must stay in the foreground/,
  ];
  for (const [at, words] of expected.entries()) assert.match(told[at]!, words);
  assert.deepEqual(
    failed[3]!.logTail,
    Array.from({ length: 50 }, (_, at) => `line ${at + 30}`),
  );
});

test('B4: one that starts slowly is not switched to before its first good answer', async () => {
  const stage = await stand();
  await using box = stage.box;
  const health = { path: '/', timeoutMs: 15_000, host: 'h', acceptServerErrors: false };
  const slow = faulty(box, stage.treeId, ['slow'], { health });
  const [two] = await candidates(stage, [slow]);
  assert.deepEqual([two!.state, two!.healthStatus], ['healthy', 200]);
  assert.ok(two!.healthyAtMs! - two!.startedAtMs >= 2400);
  await box.put({ ...stage.app, routed: slow.id, sets: [{ ...slow, stage: 'live' }] });
  assert.equal((await box.get(stage.app)).text, `slow ${two!.pid}`);
});

test('B8: a port that somebody else has taken is not given again, and a fixed one is named with its owner', async () => {
  const stage = await stand();
  await using box = stage.box;
  const { app, live, one } = stage;
  await box.get(app, '/exit').catch(() => {});
  await box.ofSet(live, 'backing-off');
  await using thief = createServer();
  await new Promise<void>((resolve) => thief.listen(one.port!, '127.0.0.1', resolve));
  const again = await box.ofSet(live, 'healthy');
  assert.notEqual(again.port, one.port);
  await until('it serves', async () => (await box.get(app)).text === `fine ${again.pid}`);
  const [failed] = await candidates(stage, [faulty(box, stage.treeId, ['fixed', String(one.port)])]);
  assert.match(failed!.reason!, /^exited with code 1/);
  const owner = `port ${one.port} is held by process ${process.pid} (`;
  assert.ok((failed!.notes[0] ?? '').includes(owner), `${failed!.notes}`);
  assert.match(failed!.notes[0] ?? '', /bind \$PORT \(\d+\), not a fixed port/);
});

test('B9: one that listens on another address or port is told exactly that', async () => {
  const stage = await stand();
  await using box = stage.box;
  const sets = ['other-address', 'other-port'].map((mode) =>
    faulty(
      box,
      stage.treeId,
      [mode],
      mode === 'other-port' ? { health: { path: '/', timeoutMs: 10_000, host: 'h', acceptServerErrors: false } } : {},
    ),
  );
  const [address, port] = await candidates(stage, sets);
  assert.equal(address!.notes[0], 'It listens on 127.0.0.2 only: bind 0.0.0.0 or 127.0.0.1.');
  // One other port is taken as it is, and said.
  assert.equal(port!.state, 'healthy');
  assert.match(port!.notes[0]!, /^listens on \d+, PORT \(\d+\) is ignored$/);
});

test('a check that writes more than the app may is ended with that as its end, and what is live is not touched', async () => {
  const stage = await stand();
  await using box = stage.box;
  const { treeId } = stage;
  const mib = 1024 * 1024;
  const limits = { ...defaultLimits, diskBytes: 20 * mib };
  const live = { ...stage.live, limits };
  await box.put({ ...stage.app, routed: live.id, sets: [live] });
  await using events = listen(box);
  const { liveUid, gateUid, gid, id: appId } = stage.app;
  await box.client.makeCopy(stage.app, treeId, 'check');
  const spec: JobSpec = {
    ...{ liveUid, gateUid, gid, appId, id: newId('job'), kind: 'check', identity: 'gate', place: { copy: 'check' } },
    ...{
      layerKey: null,
      tools: [],
      env: {},
      files: {},
      reports: [],
      volumes: {},
      deadlineMs: 60_000,
      outputBytes: 10_000,
    },
    command: { shell: 'for n in $(seq 30); do head -c 1048576 /dev/zero >"$TMPDIR/$n"; done; echo written; sleep 600' },
    limits,
  };
  const result = await box.client.runJob(spec, { signal: AbortSignal.timeout(60_000) });
  assert.deepEqual([result.endedBy, result.outputTail[0]], ['disk-limit', 'written']);
  await until('it is told', () => events.told.some(({ what }) => what === 'disk-limit'));
  assert.match(
    events.told.find(({ what }) => what === 'disk-limit')!.reason,
    /^disk limit reached \(20 MB\) by its checks: they were ended$/,
  );
  assert.equal((await box.get(stage.app)).text, `fine ${stage.one.pid}`);
});
