import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { runJob } from '../../../test/support/run-job.ts';
import { until } from '../../../test/support/until.ts';
import { workOf } from '../../domain/ahead.ts';
import { fail } from '../../domain/errors.ts';
import { type AppId, type JobId, makeId, type TreeId } from '../../domain/ids.ts';
import type { JobSpec } from '../../domain/job.ts';
import { defaultLimits } from '../../domain/plan.ts';
import { ensureAppFolders, homeFolders } from '../folders.ts';
import { layerMarker } from '../layer-places.ts';
import { detectCgroups } from '../process/cgroup.ts';
import { isAlive } from '../process/proc.ts';
import { openToolchains } from '../toolchains/toolchains.ts';
import { Arrivals } from '../tree/arrivals.ts';
import { type JobRecord, jobPlaces, readSmall } from './job-folder.ts';
import { type Jobs, openJobs } from './jobs.ts';
import type { SpareLimits } from './spares.ts';

const isRoot = process.getuid?.() === 0;
const home = mkdtempSync(join(tmpdir(), 'lockstep-spares-'));
chmodSync(home, 0o755);
const folders = homeFolders(home);
const cgroups = detectCgroups();
const toolchains = await openToolchains({ folders, programRoot: join(import.meta.dirname, '../../..'), log: () => {} });
const opened: Jobs[] = [];
after(async () => {
  for (const jobs of opened) await jobs.stopAll();
  rmSync(home, { recursive: true, force: true });
});

const id = <P extends 'app' | 'job'>(prefix: P) => makeId(prefix, Date.now(), randomBytes(16));
const gigabyte = 1024 ** 3;
const roomy = { totalBytes: 16 * gigabyte, availableBytes: 12 * gigabyte };
let uid = 59910;

async function open(more: Partial<SpareLimits> = {}, arrivals: Arrivals | null = null): Promise<Jobs> {
  const ahead = { restMs: 20, memory: () => roomy, ...more };
  const jobs = await openJobs({ folders, toolchains, cgroups, arrivals, ahead });
  opened.push(jobs);
  return jobs;
}

/** Waits when it is told of a FIFO, and says how it came to its folder. */
const script = `import json, os, sys, time
how = "cold"
if sys.argv[1:]:
    how = "ahead"
    fifo = os.open(sys.argv[1], os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(fifo, True)
    os.read(fifo, 1)
    if not os.path.exists(sys.argv[1] + ".json"):
        sys.exit(125)
    with open(sys.argv[1] + ".json") as told:
        os.chdir(json.load(told)["folder"])
late = os.path.join(os.path.dirname(sys.argv[0]), "late")
if os.path.exists(late):
    how += "+" + open(late).read()
print(how, os.getcwd(), os.environ.get("WORD"), flush=True)
time.sleep(int(os.environ.get("NAP", "0")))
`;

/** An app with a layer and two gate copies, and what its check is. */
async function newApp() {
  uid += 2;
  const ids = { liveUid: uid, gateUid: uid + 1, gid: uid };
  const appId: AppId = id('app');
  await ensureAppFolders(folders, { id: appId, ...ids });
  const layer = folders.layer(appId, 'l'.repeat(20));
  mkdirSync(layer);
  writeFileSync(layerMarker(layer), '{}');
  for (const name of ['one', 'two']) {
    mkdirSync(folders.copy(appId, name));
    if (isRoot) chownSync(folders.copy(appId, name), ids.gateUid, ids.gid);
  }
  return (more: Partial<JobSpec> = {}): JobSpec => ({
    ...ids,
    ...{ id: id('job') as JobId, appId, kind: 'check', identity: 'gate', place: { copy: 'one' } },
    ...{ layerKey: 'l'.repeat(20), tools: [], env: { WORD: 'x' }, reports: [], volumes: {}, limits: defaultLimits },
    ...{ command: { argv: ['/usr/bin/python3', '{job}/wait.py'] }, ahead: ['{begin}'], files: { 'wait.py': script } },
    ...{ deadlineMs: 60_000, outputBytes: 64 * 1024, ...more },
  });
}

/** With what its first line says: how it was started, and where. */
async function run(by: Jobs, given: JobSpec, signal?: AbortSignal) {
  const ended = await runJob(by, given, signal);
  const [how, folder] = ended.lines[0]?.split(' ') ?? [];
  return { ...ended, how, folder };
}

const recordOf = (spec: Pick<JobSpec, 'id'>) => readSmall<JobRecord>(jobPlaces(folders.job(spec.id)).record);
const waits = (spec: JobSpec) => until('it waits', () => recordOf(spec)?.process);
const left = () => readdirSync(folders.jobs).filter((name) => recordOf({ id: name as JobId })?.isAhead);

test('a job gets the program that waits for it, and counts from its own beginning', async () => {
  const jobs = await open();
  const spec = (await newApp())();
  jobs.startAhead([{ ...spec, place: { copy: 'gone' } }]);
  const waiting = await waits(spec);
  assert.equal(recordOf(spec)?.isAhead, true);
  assert.deepEqual(jobs.inUse(spec.appId), { jobs: 0, treeIds: [], layerKeys: [spec.layerKey], copies: [] });
  assert.equal(await jobs.find(spec.id), null);
  const beganMs = Date.now();
  const { how, folder, lines, result } = await run(jobs, { ...spec, env: { WORD: 'x' }, deadlineMs: 50_000 });
  assert.deepEqual([how, folder, lines.length, result.exitCode], ['ahead', folders.copy(spec.appId, 'one'), 1, 0]);
  assert.deepEqual(result.outputTail, lines);
  assert.ok(result.startedAtMs >= beganMs - 1);
  assert.equal(isAlive(waiting), false);
  const { isAhead, uses, deadlineMs } = recordOf(spec)!;
  assert.deepEqual([isAhead, uses.copy, deadlineMs], [undefined, 'one', 50_000]);
  assert.equal(existsSync(jobPlaces(folders.job(spec.id)).begin), false);
  assert.deepEqual([await jobs.find(spec.id), left()], [result, []]);
});

test('other work under its id starts as any job, and nothing of the program is left', async () => {
  const jobs = await open();
  const spec = (await newApp())();
  for (const more of [{ env: { WORD: 'y' } }, { reports: ['a.json'] }, { files: { 'wait.py': `${script}\n` } }]) {
    const mine = { ...spec, id: id('job') as JobId };
    jobs.startAhead([mine]);
    const waiting = await waits(mine);
    const { how, result } = await run(jobs, { ...mine, ...more });
    assert.deepEqual([how, result.exitCode, isAlive(waiting)], ['cold', 0, false]);
  }
});

test('what ran for another change meanwhile spoils it, what runs for the same does not', async () => {
  const jobs = await open();
  const make = await newApp();
  for (const [copy, how] of [
    ['one', 'ahead'],
    ['two', 'cold'],
  ] as const) {
    const spec = make();
    jobs.startAhead([spec]);
    await waits(spec);
    await run(jobs, make({ place: { copy }, layerKey: null }));
    assert.equal((await run(jobs, spec)).how, how);
  }
});

test('it is not started beside a check, nor when memory is short, nor beyond the number', async () => {
  let memory = { totalBytes: gigabyte / 2, availableBytes: gigabyte / 2 };
  const jobs = await open({ memory: () => memory, most: 2 });
  const makes = [await newApp(), await newApp(), await newApp()];
  const specs = makes.map((make) => make());
  const busy = new AbortController();
  const check = run(jobs, makes[0]!({ env: { NAP: '60' } }), busy.signal);
  jobs.startAhead([specs[0]!]);
  memory = roomy;
  await pause(100); // time in which it could begin, and must not
  assert.equal(recordOf(specs[0]!), null);
  busy.abort(fail('cancelled', 'enough'));
  await check;
  await waits(specs[0]!);
  for (const spec of specs.slice(1)) jobs.startAhead([spec]);
  const pids = [await waits(specs[1]!), await waits(specs[2]!)];
  await until('the first has given way', () => !existsSync(folders.job(specs[0]!.id)));
  memory = { totalBytes: gigabyte, availableBytes: gigabyte / 20 };
  await until('all are ended', () => left().length === 0);
  assert.deepEqual(pids.map(isAlive), [false, false]);
  memory = { totalBytes: gigabyte / 2, availableBytes: gigabyte / 2 };
  jobs.startAhead([specs[0]!]);
  await pause(100);
  assert.equal(recordOf(specs[0]!), null);
});

test('what comes late is there when the program hears of its job, and when it starts with it', async () => {
  const jobs = await open();
  const make = await newApp();
  const spec = make({ late: { late: 'of an earlier tree' } });
  jobs.startAhead([spec]);
  await waits(spec);
  assert.equal(existsSync(join(jobPlaces(folders.job(spec.id)).files, 'late')), false);
  assert.equal((await run(jobs, { ...spec, late: { late: 'x' } })).how, 'ahead+x');
  assert.equal((await run(jobs, make({ late: { late: 'y' } }))).how, 'cold+y');
  const other = make({ late: { late: 'x' } });
  jobs.startAhead([other]);
  const waiting = await waits(other);
  await assert.rejects(run(jobs, { ...other, late: { '../late': 'x' } }), { code: 'bad-request' });
  assert.equal(isAlive(waiting), false);
});

test('two wait for an app, for the same change both, and the one that is worth less gives way', async () => {
  const jobs = await open({ most: 3 });
  const makes = [await newApp(), await newApp()];
  const [first, second, third, fourth] = [makes[0]!(), makes[0]!({ outputBytes: 1 }), makes[1]!(), makes[1]!()];
  jobs.startAhead([first, second]);
  await waits(second);
  assert.deepEqual(jobs.inUse(first.appId).layerKeys, [first.layerKey, second.layerKey]);
  jobs.startAhead([third, { ...fourth, outputBytes: 1 }]);
  await waits(fourth);
  await until('the second of the first has given way', () => !existsSync(folders.job(second.id)));
  assert.deepEqual(left().sort(), [first.id, third.id, fourth.id].sort());
  const small = await open({ most: 1 });
  const [one, two] = [makes[0]!(), makes[0]!({ outputBytes: 1 })];
  small.startAhead([one, two]);
  await waits(one);
  await until('the other is not started', async () => (await small.find(two.id)) === null && recordOf(two) === null);
  assert.equal((await run(small, one)).how, 'ahead');
  assert.equal((await run(small, two)).how, 'cold');
  assert.deepEqual(
    [(await run(jobs, third)).how, (await run(jobs, { ...fourth, outputBytes: 1 })).how],
    ['ahead', 'ahead'],
  );
  await jobs.endAhead(first.appId);
});

test('it goes after its time, with its app, with its layer, and when it is cancelled', async () => {
  const jobs = await open();
  const make = await newApp();
  for (const end of [
    (spec: JobSpec) => jobs.stopAll(spec.appId),
    (spec: JobSpec) => jobs.endAhead(spec.appId),
    async (spec: JobSpec) => {
      await jobs.cancel(spec.id);
      // Its job was cancelled before it came: it is refused, once.
      await assert.rejects(run(jobs, spec), { code: 'cancelled' });
    },
    (spec: JobSpec) => void process.kill(recordOf(spec)!.process!.pid, 'SIGKILL'),
  ]) {
    const spec = make();
    jobs.startAhead([spec]);
    const waiting = await waits(spec);
    await end(spec);
    await until('its folder is gone', () => !existsSync(folders.job(spec.id)));
    assert.equal(isAlive(waiting), false);
    assert.equal((await run(jobs, spec)).how, 'cold');
  }
  const hasty = await open({ idleMs: 50 });
  const spec = make();
  hasty.startAhead([spec]);
  await until('it has come and gone', () => left().length === 0 && !existsSync(folders.job(spec.id)));
});

test('a job that is cancelled before its tree has come leaves nothing', async () => {
  const jobs = await open({}, new Arrivals());
  const spec = (await newApp())({ place: { copy: 'never', isComing: true } });
  jobs.startAhead([spec]);
  const waiting = await waits(spec);
  const quit = new AbortController();
  const job = run(jobs, spec, quit.signal);
  await until('it is there', () => jobs.inUse(spec.appId).jobs === 1);
  quit.abort(fail('cancelled', 'enough'));
  await assert.rejects(job, { code: 'cancelled' });
  assert.deepEqual([existsSync(folders.job(spec.id)), isAlive(waiting)], [false, false]);
});

test('the next agent ends what waits, adopts what has its job, and counts that from the beginning of the job', async () => {
  const first = await open();
  const make = await newApp();
  const [spec, napping] = [make(), make({ env: { NAP: '2' } })];
  first.startAhead([napping]);
  await waits(napping);
  const listening = run(first, napping).catch((error: unknown) => error);
  await until('it has begun', () => recordOf(napping)?.isAhead === undefined);
  first.startAhead([spec]);
  assert.equal(recordOf(spec), null);
  await first.close();
  await listening;

  // As if the agent had died: nobody has ended it.
  const second = await open();
  await second.adopt();
  const { result } = await run(second, napping);
  assert.deepEqual([result.exitCode, result.outputTail[0]?.split(' ')[0]], [0, 'ahead']);
  second.startAhead([spec]);
  const waiting = await waits(spec);
  const third = await open();
  await third.adopt();
  await until('the third has ended it', () => !isAlive(waiting));
  // The second lives still, unlike any agent with a successor: it must have tidied up before the job's folder is made anew.
  await second.stopAll(spec.appId);
  assert.equal((await run(third, spec)).how, 'cold');
});

test('of an adopted job the deadline counts from its beginning', async () => {
  const first = await open();
  const spec = (await newApp())({ env: { NAP: '60' }, deadlineMs: 1500 });
  first.startAhead([spec]);
  await waits(spec);
  await pause(1500); // as long as it may run: it has only waited
  void run(first, spec).catch(() => {});
  const at = await until('it has begun', () => recordOf(spec)?.begunUpMs);
  await first.close();
  const second = await open();
  await second.adopt();
  const { result } = await run(second, spec);
  assert.equal(result.endedBy, 'deadline');
  assert.ok(result.durationMs >= 1400, `${result.durationMs} ms since ${at}`);
});

test('what decides what a program is makes it other work, and nothing else does', async () => {
  const spec = (await newApp())();
  const same = { ...spec, id: id('job') as JobId, place: { treeId: 'a'.repeat(40) as TreeId }, deadlineMs: 1 };
  assert.equal(workOf({ ...spec, late: { a: 'x' } }), workOf({ ...spec, late: { a: 'y' } }));
  assert.equal(workOf(same), workOf(spec));
  for (const more of [
    ...[{ layerKey: 'other' }, { limits: { ...spec.limits, pids: 7 } }, { gateUid: 1 }, { network: 'none' as const }],
    ...[
      { command: { argv: ['/bin/sh'] } },
      { folder: 'web' },
      { outputBytes: 1 },
      { tools: ['uv'] },
      { late: { a: '' } },
    ],
  ])
    assert.notEqual(workOf({ ...spec, ...more }), workOf(spec));
});
