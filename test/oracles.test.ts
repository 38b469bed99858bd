// The oracles themselves: silent about a sound home, and each says so when what it guards is broken.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, test } from 'node:test';
import { type EngineFacts, type HomeFacts, readHome } from './support/home-facts.ts';
import { brokenOf, oracles, problemsAtRest } from './support/oracles.ts';
import { root, Stage } from './support/stage.ts';

const app = 'pool';
let stage: Stage;
let facts: HomeFacts;

before(async () => {
  stage = await Stage.open();
  const work = await stage.makeApp(app, join(root, 'examples', 'static-site'));
  await stage.deploy(work);
  await stage.edit(work, 'index.html', /<h1>.*<\/h1>/, '<h1>Tide Pool 2</h1>');
  await stage.deploy(work);
  stage.write(work, { 'lockstep.yml': 'no: such key\n' });
  await stage.commit(work, 'break it');
  assert.notEqual((await stage.push(work)).code, 0);
  assert.deepEqual(await problemsAtRest(stage), []);
  facts = readHome(stage.home);
});
after(() => stage[Symbol.asyncDispose]());

/** A copy in which one thing is other. */
function other(change: (facts: HomeFacts, app: HomeFacts['apps'][number]) => void): string[] {
  const copy = structuredClone(facts);
  change(copy, copy.apps[0]!);
  return brokenOf(copy);
}

test('a home with two landed changes and a rejected one is sound', () => {
  const [{ changes, main, releases }] = facts.apps as [HomeFacts['apps'][number]];
  assert.deepEqual(
    changes.map(({ state }) => state),
    ['landed', 'landed', 'rejected'],
  );
  assert.equal(main.moves.length, 2);
  assert.deepEqual(
    releases.flatMap(({ version }) => version ?? []),
    [1, 2],
  );
  assert.deepEqual(brokenOf(facts), []);
});

const breaks: Readonly<Record<string, [Parameters<typeof other>[0], RegExp][]>> = {
  mainIsProved: [
    [(_, { main }) => void Object.assign(main.moves[1]!, { from: 'f'.repeat(40) }), /out of order/],
    [
      (_, { changes }) => void Object.assign(changes[1]!, { verdict: '{"outcome":"rejected"}' }),
      /verdict .* is rejected/,
    ],
    [(_, { main }) => void main.moves.push({ from: main.tip, to: 'f'.repeat(40) }), /no change landed/],
  ],
  liveIsMain: [
    [(_, { main }) => void Object.assign(main, { tip: 'f'.repeat(40) }), /is live, and main is at fffffff/],
    [
      (_, { releases }) => releases.forEach((one) => void Object.assign(one, { artifact_tree: null })),
      /not of main’s tree/,
    ],
  ],
  landsOnce: [[(_, { events }) => events.push(...events.filter(({ type }) => type === 'change.landed')), /2 times/]],
  endsOnce: [
    [(_, { changes }) => void Object.assign(changes[2]!, { reason: null }), /does not say why/],
    [(_, { changes }) => void Object.assign(changes[2]!, { state: 'gating', ended_at_ms: null }), /gating still/],
  ],
  versionsCount: [
    [(_, { releases }) => releases.forEach((one) => void Object.assign(one, { version: 7 })), /versions are 7/],
  ],
  receiptsAreKept: [
    [(_, { receipts }) => void receipts.pop(), /v\d has no receipt/],
    [(_, { receipts }) => void Object.assign(receipts[0]!, { is_noted: 0 }), /is no note yet/],
  ],
  nothingOfCandidates: [
    [(_, { refs }) => void refs.push('refs/candidates/x'), /refs\/candidates\/x stayed/],
    [(_, { copies }) => void copies.push('cpy'), /copy cpy stayed/],
    [({ desired }) => void desired[0]!.sets.push({ id: 'set_x', stage: 'candidate' }), /candidate set set_x/],
    [({ instances }) => void Object.assign(instances[0]!, { setId: 'set_x' }), /of another set/],
    [
      ({ routes }) => void Object.assign(routes.find((one) => one.setId !== null)!, { setId: 'set_x' }),
      /route leads to set_x/,
    ],
  ],
  routeLeadsToLive: [
    [({ instances }) => void Object.assign(instances[0]!, { state: 'unhealthy' }), /routed to what is unhealthy/],
  ],
  noOrphans: [
    [({ pipes }) => void pipes.push('ins_x'), /pipe of the unknown instance ins_x/],
    [
      ({ processes }) => void Object.assign(processes.find((one) => one.instance !== null)!, { instance: 'ins_x' }),
      /does not run/,
    ],
    [({ instances }) => void Object.assign(instances[0]!, { pid: 1 }), /names the process 1, and others run/],
    [({ processes }) => void processes.push({ ...processes[0]!, job: 'job_x' }), /a job runs still/],
    [
      ({ waiting }) => void waiting.push({ id: 'job_x', appId: 'app_x', work: '' }),
      /job_x waits for an app that there is not/,
    ],
    [
      ({ waiting, apps }) =>
        void waiting.push(...['1', '2'].map((id) => ({ id, appId: apps[0]!.id, work: 'its tests' }))),
      /2 is not the only one that waits/,
    ],
    [({ processes }) => void processes.splice(0), /0 processes are control/],
  ],
  nothingLeftInEngine: [
    [inEngine(({ networks }) => void networks.push({ id: 'net', appId: 'app_x' })), /networks net is left of app_x/],
    [inEngine(({ images }) => void images.push({ id: 'img', appId: 'app_x' })), /images img is left of app_x/],
    [inEngine(({ containers }) => void Object.assign(containers[0]!, { isRunning: false })), /does not run/],
    [inEngine(({ containers }) => void containers.push({ ...containers[0]!, id: 'two' })), /has two/],
    [inEngine(({ networks }) => void networks.push({ ...networks[0]!, id: 'two' })), /has two networks/],
    [inEngine(({ containers }) => void Object.assign(containers[0]!, { instance: 'ins_x' })), /of no known instance/],
    [inEngine(({ containers }) => void Object.assign(containers[0]!, { job: 'job_x' })), /of the job job_x/],
    [inEngine(({ containers }) => void containers.push({ ...containers[1]!, job: 'job_y' })), /of the job job_y/],
  ],
};

/** The same home with an engine in which its one instance runs, and a change to what is there. */
function inEngine(change: (engine: EngineFacts) => void): Parameters<typeof other>[0] {
  return (facts, { id: appId }) => {
    const instance = facts.instances[0]!.id;
    const engine: EngineFacts = {
      containers: [
        { id: 'one', appId, instance, job: null, isRunning: true },
        { id: 'ready', appId, instance: null, job: 'job_ready', isRunning: true, isWaiting: true },
      ],
      networks: [{ id: 'net', appId }],
      images: [{ id: 'img', appId }],
    };
    facts.engine = structuredClone(engine);
    assert.deepEqual(brokenOf(facts), []);
    change(facts.engine);
  };
}

test('every oracle is shown to notice something', () => {
  assert.deepEqual(Object.keys(breaks), Object.keys(oracles));
});

for (const [name, cases] of Object.entries(breaks)) {
  test(`${name} notices what it guards against`, () => {
    for (const [change, said] of cases) {
      const broken = other(change).filter((line) => line.startsWith(`${name}: `));
      assert.match(broken.join('\n'), said);
    }
  });
}

test('what is broken on the machine itself is read and told', async () => {
  const [{ id }] = facts.apps as [HomeFacts['apps'][number]];
  const repository = join(stage.home, 'control', 'repos', `${id}.git`);
  writeFileSync(join(repository, 'refs', 'heads', 'main.lock'), '');
  mkdirSync(join(stage.home, 'apps', id, 'gate', 'copies', 'cpy_left'));
  execFileSync('git', ['-c', 'safe.directory=*', `--git-dir=${repository}`, 'update-ref', 'refs/odd/one', 'HEAD']);
  const database = new DatabaseSync(join(stage.home, 'control', 'lockstep.db'));
  database.exec("UPDATE changes SET state = 'gating' WHERE state = 'rejected'");
  database.close();
  const broken = (await problemsAtRest(stage, { withinMs: 0 })).join('\n');
  for (const said of [/main\.lock/, /cpy_left stayed/, /refs\/odd\/one stayed/, /change 3 is gating still/])
    assert.match(broken, said);
});
