import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ImageId } from '../../domain/ids.ts';
import { localMainline } from '../../mainline/local.ts';
import { FakeWorld, page } from '../fake-world.ts';
import { statusOf } from '../status.ts';
import { type AppFacts, factsOf } from './app-facts.ts';
import { examine, repair } from './doctor.ts';
import { judgeApp } from './judge-app.ts';

/** Facts of an app that is in order, which a case then changes. */
async function wellFacts(): Promise<AppFacts> {
  using stage = new FakeWorld();
  const app = await stage.createApp();
  await stage.land(app, await stage.commit(app, page('one'), null), null);
  return await factsOf(stage.world, stage.app());
}

const well = await wellFacts();
const [one] = well.evidence!.processes;
const route = well.evidence!.router!.routes['blog.test']!;
const withProcess = (more: object): AppFacts => ({
  ...well,
  evidence: { ...well.evidence!, processes: [{ ...one!, ...more }] },
});
const withRoute = (now: unknown): AppFacts => ({
  ...well,
  evidence: { ...well.evidence!, router: { ...well.evidence!.router!, routes: now as never } },
});

function check(facts: AppFacts, ...expected: string[]): void {
  assert.deepEqual(
    judgeApp(facts).map(({ code, what }) => `${code}: ${what}`),
    expected,
  );
}

test('an app that is in order has no problem', () => check(well));

test('the image of each container that runs is held against the release’s', () => {
  const [ours, other] = [`sha256:${'1'.repeat(64)}`, `sha256:${'2'.repeat(64)}`];
  const image = { id: ours as ImageId, ports: [], hasOwnCommand: true, isGenerated: true };
  const of = (more: object): AppFacts => ({ ...withProcess(more), artifact: { ...well.artifact!, image } });
  const what = `the web process (pid ${one!.pid})`;
  check(of({ image: ours }));
  check(of({ image: other }), `process-swapped: ${what} is of the image 222222222222 instead of 111111111111`);
  check(of({ image: null }), `process-gone: the container engine knows of no container of ${what}`);
  const beside = (which: string) =>
    `process-swapped: a container of ${which} runs under the name of ${what}, and Lockstep did not start it`;
  check(of({ image: ours, beside: [other] }), beside('the image 222222222222'));
  check(of({ image: ours, beside: [ours] }), beside('the same image'));
});

test('each difference is told by its code and in words', () => {
  const commit = 'c'.repeat(40) as never;
  check(
    { ...well, main: { ...well.main!, commit }, mayRestoreMain: true },
    `main-moved: main is ccccccc, live is ${well.live!.commit.slice(0, 7)}: it was moved past the gate`,
  );
  check(
    { ...well, main: null, mayRestoreMain: true },
    `main-gone: v1 is live (${well.live!.commit.slice(0, 7)}) and main is gone`,
  );
  check(
    { ...well, main: null },
    `main-ambiguous: v1 is live (${well.live!.commit.slice(0, 7)}) and main is gone, and what is live cannot be put back by itself`,
  );
  check({ ...well, main: null, mainProblem: 'git: no' }, 'main-unreadable: main cannot be read: git: no');
  check({ ...well, evidence: null, agentProblem: 'no answer' }, 'agent-away: no answer');
  check({ ...well, evidence: { ...well.evidence!, router: null } }, 'router-away: The router does not answer');
  check(
    { ...well, evidence: { ...well.evidence!, release: null } },
    'served-files-missing: the files of v1 are not on the disk',
  );
  check(
    { ...well, differences: ['a was changed'] },
    `served-files-changed: the files of v1 are not main's tree ${well.live!.treeId.slice(0, 7)}: a was changed`,
  );
  check(withProcess({ isAlive: false }), 'process-gone: the web process (pid 1) is not there any more');
  check(withProcess({ listens: false }), 'process-gone: nothing of the web process (pid 1) listens on port 1 any more');
  const stranger = { pid: 7, uid: 0, executable: '/bin/nc', folder: '/' };
  check(
    withProcess({ stranger }),
    "process-swapped: on port 1 answers pid 7 (uid 0, /bin/nc in /), which is none of the app's processes",
  );
  check(
    { ...withProcess({ uids: [40_000, 0] }), hasIdentities: true },
    'wrong-identity: the web process (pid 1) runs as uid 0 instead of 40000',
  );
  check(withProcess({ state: 'backing-off' }), 'not-running: no web instance of v1 is healthy');
  check(withRoute({}), 'route-missing: the router (routes 1) has no route for blog.test');
  check(withRoute({ 'blog.test': 'platform' }), 'route-wrong: the router gives blog.test to the platform');
  check(
    withRoute({ 'blog.test': { ...(route as object), setId: null, releaseLabel: 'v0' } }),
    'route-wrong: the router serves v0 at blog.test, not v1',
  );
  const upstreams = [{ instanceId: one!.instanceId, host: '127.0.0.1', port: 9 }];
  check(
    withRoute({ 'blog.test': { ...(route as object), upstreams } }),
    'route-wrong: the router sends blog.test to port 9, where no instance of the app is',
  );
  check(
    { ...well, evidence: { ...well.evidence!, routed: null } },
    'not-wanted: the agent has not taken yet what was decided last',
  );
});

test('while a change is on its way two sides differ by right', () => {
  check({ ...well, underWay: 'change #2 is gating', main: null });
});

test('a main that was moved is put back, and the ledger says so; where it stood stays in its log', async () => {
  using stage = new FakeWorld();
  const app = await stage.createApp();
  const first = await stage.commit(app, page('one'), null);
  await stage.land(app, first, null);
  const stray = await stage.commit(app, page('not judged'), first);
  await stage.git(stage.app(), ['-c', 'core.hooksPath=/dev/null', 'update-ref', 'refs/heads/main', stray]);
  assert.equal((await statusOf(stage.world, stage.app())).state, 'DRIFTED');
  const scope = { principal: stage.owner, app: stage.app(), version: '0' };
  const { fixed, report } = await repair(stage.world, scope);
  assert.deepEqual([fixed.map(({ code }) => code), report.problems], [['main-moved'], []]);
  const status = await statusOf(stage.world, stage.app());
  assert.deepEqual([status.state, status.main?.commit], ['IN SYNC', first]);
  assert.match(
    await stage.git(stage.app(), ['log', '--walk-reflogs', '--format=%H', 'refs/heads/main']),
    new RegExp(stray),
  );
  const noted = stage.database.prepare("SELECT data FROM events WHERE type = 'doctor.fixed'").all();
  assert.equal(JSON.parse(String(noted[0]!.data)).code, 'main-moved');
});

test('a main that Lockstep itself landed is left to people: the store may be an older one that was brought back', async () => {
  using stage = new FakeWorld();
  const app = await stage.createApp();
  const first = await stage.commit(app, page('one'), null);
  await stage.land(app, first, null);
  const second = await stage.commit(app, page('two'), first);
  const { privileged } = await stage.world.repositoryOf(stage.app());
  await localMainline(privileged).advance(first, second);
  const scope = { principal: stage.owner, app: stage.app(), version: '0' };
  const { fixed, report } = await repair(stage.world, scope);
  assert.deepEqual([fixed, report.problems.map(({ code }) => code)], [[], ['main-ambiguous']]);
  assert.equal((await statusOf(stage.world, stage.app())).main?.commit, second);
});

test('what the agent mends within a moment is no problem; what stays is', async () => {
  using stage = new FakeWorld();
  const app = await stage.createApp();
  await stage.land(app, await stage.commit(app, page('one'), null), null);
  const scope = { principal: stage.owner, app: stage.app(), version: '0' };
  stage.agent.strange = { routed: null };
  const looking = examine(stage.world, scope);
  setTimeout(() => {
    stage.agent.strange = {};
  }, 300);
  assert.deepEqual((await looking).problems, []);
  stage.agent.isAway = true;
  const { problems } = await examine(stage.world, { ...scope, app: null });
  assert.deepEqual(
    problems.map(({ code, app: name }) => [code, name]),
    [['agent-away', null]],
  );
});
