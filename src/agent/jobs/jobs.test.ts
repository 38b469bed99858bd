import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { runJob } from '../../../test/support/run-job.ts';
import { until } from '../../../test/support/until.ts';
import { fail, isFailure } from '../../domain/errors.ts';
import { type AppId, type JobId, makeId, type TreeId } from '../../domain/ids.ts';
import type { JobSpec } from '../../domain/job.ts';
import { defaultLimits } from '../../domain/plan.ts';
import { lineFeed } from '../../lib/line-feed.ts';
import { ensureAppFolders, homeFolders } from '../folders.ts';
import { detectCgroups } from '../process/cgroup.ts';
import { launch } from '../process/launcher.ts';
import { identify, isAlive, listProcesses } from '../process/proc.ts';
import { terminate } from '../process/terminate.ts';
import { openToolchains } from '../toolchains/toolchains.ts';
import { jobPlaces } from './job-folder.ts';
import { type Jobs, openJobs } from './jobs.ts';
import { keepOutput } from './kept-output.ts';
import { fillCommand, fillEnv, fillPlaces } from './places.ts';

const isRoot = process.getuid?.() === 0;
const needsRoot = { skip: isRoot ? false : 'needs root: identities' };
const ids = { liveUid: 59900, gateUid: 59901, gid: 59900 };
const home = mkdtempSync(join(tmpdir(), 'lockstep-jobs-'));
chmodSync(home, 0o755);
const folders = homeFolders(home);
const cgroups = detectCgroups();
const toolchains = await openToolchains({ folders, programRoot: join(import.meta.dirname, '../../..'), log: () => {} });
const opened: Jobs[] = [];
const open = async (): Promise<Jobs> => {
  const jobs = await openJobs({ folders, toolchains, cgroups, now: Date.now });
  opened.push(jobs);
  return jobs;
};
after(async () => {
  for (const jobs of opened) await jobs.stopAll();
  rmSync(home, { recursive: true, force: true });
});
const id = <P extends 'app' | 'job'>(prefix: P) => makeId(prefix, Date.now(), randomBytes(16));
const app: AppId = id('app');
const treeId = 'a'.repeat(40) as TreeId;
await ensureAppFolders(folders, { id: app, ...ids });
const copy = folders.copy(app, 'one');
mkdirSync(folders.tree(app, treeId));
writeFileSync(join(folders.tree(app, treeId), 'page.txt'), 'the release\n');
mkdirSync(copy);
if (isRoot) (await import('node:fs')).chownSync(copy, ids.gateUid, ids.gid);
if (isRoot) (await import('node:fs')).chownSync(folders.tree(app, treeId), 0, ids.gid);
const jobs = await open();

const spec = (shell: string, more: Partial<JobSpec> = {}): JobSpec => ({
  ...ids,
  id: id('job') as JobId,
  appId: app,
  kind: 'check',
  identity: 'gate',
  place: { copy: 'one' },
  layerKey: null,
  tools: [],
  command: { shell },
  env: {},
  files: {},
  reports: [],
  volumes: {},
  deadlineMs: 60_000,
  outputBytes: 64 * 1024,
  limits: defaultLimits,
  ...more,
});

const run = (given: JobSpec, by = jobs, signal?: AbortSignal) => runJob(by, given, signal);

/** The lines of a job as they come, in an array that grows. */
function follow(given: JobSpec, by = jobs) {
  const lines: string[] = [];
  const stopper = new AbortController();
  const end = (async () => {
    for await (const event of by.run(given, stopper.signal)) {
      if ('line' in event) lines.push(event.line);
      else return event.result;
    }
    return null;
  })();
  end.catch(() => {});
  return { lines, end, stopper };
}

const marked = (job: JobId): number[] =>
  listProcesses()
    .map(({ pid }) => pid)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/environ`, 'latin1').includes(`LOCKSTEP_JOB=${job}`);
      } catch {
        return false;
      }
    });

test('a job gives its lines, its exit code and its reports', async () => {
  const given = spec('echo one; echo two >&2; printf found >"$REPORT"; exit 3', {
    env: { REPORT: '{reports}/style.txt' },
    reports: ['style.txt', 'missing.txt'],
  });
  const { lines, result } = await run(given);
  assert.deepEqual(lines, ['one', 'two']);
  assert.equal(result.exitCode, 3);
  assert.equal(result.signal, null);
  assert.equal(result.endedBy, 'exit');
  assert.deepEqual(result.reports, { 'style.txt': 'found' });
  assert.deepEqual(result.outputTail, ['one', 'two']);
  assert.equal(result.outputBytes, 8);
  assert.deepEqual(await jobs.find(given.id), result);
  const places = jobPlaces(folders.job(given.id));
  await until('the temporary folders go', () => !existsSync(places.home) && !existsSync(places.tmp));
  if (isRoot) assert.equal(statSync(places.reports).uid, 0);
});

test('asking twice for one id runs it once, and gives one result', async () => {
  const given = spec('echo run >>"$TMPDIR/../reports/count"; cat "$TMPDIR/../reports/count"', { reports: ['count'] });
  const [first, second] = await Promise.all([run(given), run(given)]);
  assert.deepEqual(first.result, second.result);
  assert.equal(first.result.reports.count, 'run\n');
  assert.deepEqual((await run(given)).result, first.result);
});

test('a job finds its files, its own folders and only the environment that was declared', async () => {
  const given = spec(
    'cat "$FILE"; pwd; echo x >"$HOME/a"; echo x >"$TMPDIR/b"; echo changed >"$FILE"; env | cut -d= -f1 | sort',
    {
      env: { FILE: '{job}/files.json', GREETING: 'braces {job} stay' },
      files: { 'files.json': '["a.py"]\n' },
    },
  );
  const { lines, result } = await run(given);
  assert.equal(lines[0], '["a.py"]');
  assert.equal(lines[1], copy);
  assert.match(lines[2]!, /[Pp]ermission denied|cannot create/);
  const names = lines.slice(3).filter((name) => !['PWD', 'SHLVL', '_', 'OLDPWD'].includes(name));
  assert.deepEqual(names, ['FILE', 'GREETING', 'HOME', 'LANG', 'LOCKSTEP_JOB', 'PATH', 'TMPDIR']);
  assert.equal(result.exitCode, 0);
});

test('a line of shell is one argument, and nothing is filled into it', async () => {
  const { lines } = await run(spec('echo "{tree}" $0 $#'));
  assert.deepEqual(lines, ['{tree} /bin/sh 0']);
  assert.deepEqual(
    fillCommand({ argv: ['{python}', '{tool:ruff}x', '{unknown}', '{job}'] }, { python: '/p', 'tool:ruff': '/{job}' }),
    ['/p', '/{job}x', '{unknown}', '{job}'],
  );
  assert.equal(fillPlaces('{constructor}', {}), '{constructor}');
  assert.deepEqual(fillEnv({ A: '{tree}/src', B: 'x{tree}' }, { tree: '/t' }), { A: '/t/src', B: 'x{tree}' });
});

test("the platform's python runs under the identity of the gate", needsRoot, async () => {
  const argv = ['{python}', '-I', '-c', 'import os; print(os.getuid(), os.getgid(), os.getgroups())'];
  const { lines } = await run(spec('', { command: { argv } }));
  assert.deepEqual(lines, ['59901 59900 []']);
});

test('G5: a deadline ends everything that came from the job', async () => {
  const given = spec('setsid sleep 600 & (trap "" TERM; sleep 600) & echo on; wait; sleep 600', { deadlineMs: 300 });
  const { result } = await run(given);
  assert.equal(result.endedBy, 'deadline');
  assert.deepEqual(marked(given.id), []);
});

test('what a job leaves behind when it exits is ended with it', async () => {
  const given = spec('setsid sleep 600 & sleep 600 & echo done');
  const { result } = await run(given);
  assert.equal(result.exitCode, 0);
  assert.deepEqual(result.outputTail, ['done']);
  assert.deepEqual(marked(given.id), []);
});

test('cancelling ends a job; a listener that only leaves does not', async () => {
  const given = spec('echo on; sleep 600');
  const { lines, end, stopper } = follow(given);
  await until('it speaks', () => lines.length > 0);
  stopper.abort();
  assert.equal(await end, null);
  assert.equal(await jobs.find(given.id), 'running');
  const again = follow(given);
  await jobs.cancel(given.id);
  const result = await again.end;
  assert.equal(result?.endedBy, 'cancelled');
  assert.equal(result?.signal, 'SIGTERM');
  assert.deepEqual(marked(given.id), []);
});

test('a job that is cancelled before it comes is not begun, and one that has ended keeps its result', async () => {
  const given = spec('echo on', { place: { copy: 'never', isComing: true } });
  await jobs.cancel(given.id);
  await assert.rejects(run(given), { code: 'cancelled' });
  assert.equal(await jobs.find(given.id), null);
  const done = spec('echo done');
  await run(done);
  await jobs.cancel(done.id);
  assert.deepEqual((await run(done)).result.outputTail, ['done']);
});

test('a signal whose reason is a cancellation cancels the job', async () => {
  const given = spec('echo on; sleep 600');
  const { lines, end, stopper } = follow(given);
  await until('it speaks', () => lines.length > 0);
  stopper.abort(fail('cancelled', 'enough'));
  assert.equal((await end)?.endedBy, 'cancelled');
});

test('G5: a job that a signal ended says which', async () => {
  const { result } = await run(spec('kill -SEGV $$'));
  assert.deepEqual([result.exitCode, result.signal, result.endedBy], [null, 'SIGSEGV', 'exit']);
});

test('a job that takes more memory than its limit is out of memory', async (t) => {
  if (!cgroups.enforceable.includes('memory')) return t.skip('no memory controller here');
  const argv = ['{python}', '-c', 'held = [bytes([1]) * (1 << 20) for _ in range(600)]'];
  const { result } = await run(spec('', { command: { argv }, limits: { ...defaultLimits, memoryBytes: 64 << 20 } }));
  assert.equal(result.endedBy, 'out-of-memory');
});

test('G5: output is bounded: the first and the last bytes are kept, the rest is counted', async () => {
  const given = spec('echo first; i=0; while [ $i -lt 20000 ]; do echo "line $i"; i=$((i+1)); done; echo last', {
    outputBytes: 16_000,
  });
  const { result } = await run(given);
  assert.equal(result.outputTail.length, 200);
  assert.equal(result.outputTail.at(-1), 'last');
  assert.ok(result.outputBytes > 200_000);
  const files = readdirSync(folders.job(given.id)).filter((name) => name.startsWith('output'));
  const sizes = files.map((name) => statSync(join(folders.job(given.id), name)).size);
  assert.ok(sizes.reduce((sum, size) => sum + size, 0) <= 16_000);
  assert.match(readFileSync(join(folders.job(given.id), 'output'), 'utf8'), /^first\nline 0\n/);
  assert.match(readFileSync(join(folders.job(given.id), 'output.newer'), 'utf8'), /\nlast\n$/);
});

test('reports are plain files: links, pipes, second names and giants are left out', needsRoot, async () => {
  const given = spec(
    'cd "$R"; ln -s /etc/shadow a; mkfifo b; echo x >c0; ln c0 c; truncate -s 17M d; echo good >e; mkdir f',
    { env: { R: '{reports}' }, reports: ['a', 'b', 'c', 'd', 'e', 'f'] },
  );
  assert.deepEqual((await run(given)).result.reports, { e: 'good\n' });
});

test('bad requests are refused before anything is started', async () => {
  const refused: [JobSpec, string][] = [
    [spec('true', { id: '../../x' as JobId }), 'bad-request'],
    [spec('true', { files: { '../x': '' } }), 'bad-request'],
    [spec('true', { reports: ['../x'] }), 'bad-request'],
    [spec('true', { place: { copy: '../../x' } }), 'bad-request'],
    [spec('true', { place: { copy: 'nowhere' } }), 'not-found'],
    [spec('true', { layerKey: 'b'.repeat(64) }), 'not-found'],
    [spec('true', { tools: ['rm'] }), 'bad-request'],
    [spec('true', { env: { 'A=B': '' } }), 'bad-env'],
    ...(isRoot ? [[spec('true', { gateUid: null }), 'bad-request'] as [JobSpec, string]] : []),
  ];
  for (const [given, code] of refused) {
    await assert.rejects(run(given), (error) => isFailure(error, code as 'bad-request'), JSON.stringify(given));
    assert.equal(existsSync(folders.job(given.id)) && given.id.startsWith('job_'), false);
    assert.equal(await jobs.find(given.id), null);
  }
});

test('a job outlives the agent: the next one finds it running, and its result', async () => {
  const first = await open();
  const go = join(copy, `go-${id('job')}`);
  const given = spec('echo before; while [ ! -e "$GO" ]; do sleep 0.01; done; echo after; exit 4', {
    env: { GO: go, SECRET: 'canary-in-env' },
  });
  const listening = follow(given, first);
  await until('it speaks', () => listening.lines.length > 0);
  first.close();
  await assert.rejects(listening.end, (error) => isFailure(error, 'agent-away'));
  assert.doesNotMatch(readFileSync(jobPlaces(folders.job(given.id)).record, 'utf8'), /canary/);
  const second = await open();
  await second.adopt();
  assert.equal(await second.find(given.id), 'running');
  const again = follow(given, second);
  writeFileSync(go, '');
  const result = await again.end;
  assert.equal(result?.exitCode, 4);
  assert.deepEqual(result?.outputTail, ['before', 'after']);
});

test('a job outlives an agent that is killed', async (t) => {
  const go = join(copy, `go-${id('job')}`);
  const given = spec('echo before; while [ ! -e "$GO" ]; do sleep 0.01; done; exit 6', { env: { GO: go } });
  const agent = spawn(
    process.execPath,
    [
      '--input-type=module',
      '-e',
      `const [home, spec] = process.argv.slice(1);
      const { homeFolders } = await import(${JSON.stringify(new URL('../folders.ts', import.meta.url).href)});
      const { openJobs } = await import(${JSON.stringify(new URL('./jobs.ts', import.meta.url).href)});
      const { detectCgroups } = await import(${JSON.stringify(new URL('../process/cgroup.ts', import.meta.url).href)});
      const jobs = await openJobs({ folders: homeFolders(home), toolchains: { platformPython: async () => '/bin/false' }, cgroups: detectCgroups() });
      for await (const { line } of jobs.run(JSON.parse(spec), new AbortController().signal)) console.log(line);`,
      home,
      JSON.stringify(given),
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  t.after(() => agent.kill('SIGKILL'));
  const [spoke] = (await once(agent.stdout, 'data')) as [Buffer];
  assert.equal(spoke.toString(), 'before\n');
  const gone = once(agent, 'exit');
  agent.kill('SIGKILL');
  await gone;
  const next = await open();
  await next.adopt();
  assert.equal(await next.find(given.id), 'running');
  const again = follow(given, next);
  writeFileSync(go, '');
  const result = await again.end;
  assert.deepEqual([result?.exitCode, result?.endedBy, result?.outputTail], [6, 'exit', ['before']]);
});

test('a job that ended while no agent was there has its result by the exit file', async () => {
  const first = await open();
  const go = join(copy, `go-${id('job')}`);
  const given = spec('echo on; while [ ! -e "$GO" ]; do sleep 0.01; done; exit 5', { env: { GO: go } });
  const listening = follow(given, first);
  await until('it speaks', () => listening.lines.length > 0);
  first.close();
  writeFileSync(go, '');
  await until('it ended', () => existsSync(jobPlaces(folders.job(given.id)).exitFile));
  const second = await open();
  await second.adopt();
  assert.equal((await run(given, second)).result.exitCode, 5);
});

test('a job whose launcher is gone without an exit file is lost, and what it left is ended', async () => {
  const first = await open();
  const given = spec('echo on; sleep 600');
  const listening = follow(given, first);
  await until('it speaks', () => listening.lines.length > 0);
  first.close();
  const record = JSON.parse(readFileSync(jobPlaces(folders.job(given.id)).record, 'utf8')) as {
    process: { pid: number };
  };
  process.kill(record.process.pid, 'SIGKILL');
  const second = await open();
  await second.adopt();
  const { result } = await run(given, second);
  assert.deepEqual([result.endedBy, result.exitCode], ['lost', null]);
  assert.deepEqual(marked(given.id), []);
});

test('stopAll kills every job', async () => {
  const own = await open();
  const all = [spec('echo on; sleep 600'), spec('echo on; sleep 600')].map((given) => ({
    given,
    ...follow(given, own),
  }));
  await until('both speak', () => all.every(({ lines }) => lines.length > 0));
  await own.stopAll();
  for (const { given, end } of all) {
    assert.equal((await end)?.endedBy, 'cancelled');
    assert.deepEqual(marked(given.id), []);
  }
});

test('volumes are there for a live job and unknown to one of the gate', needsRoot, async () => {
  const command = {
    shell: 'printenv LOCKSTEP_VOLUME_USER_DATA || echo none; echo x >"$LOCKSTEP_VOLUME_USER_DATA/file"; cat page.txt',
  };
  const place = { treeId };
  const volumes = { 'user-data': 'data' };
  const live = await run(spec('', { command, place, volumes, kind: 'release', identity: 'live' }));
  assert.deepEqual(live.lines, [folders.volume(app, 'user-data'), 'the release']);
  const gate = await run(spec('', { command, volumes }));
  assert.equal(gate.lines[0], 'none');
});

test(
  'the gate identity can neither read the live environment, nor signal the live process, nor write the volume',
  needsRoot,
  async (t: TestContext) => {
    const volume = folders.volume(app, 'wall');
    mkdirSync(volume, { mode: 0o700 });
    (await import('node:fs')).chownSync(volume, ids.liveUid, ids.gid);
    const live = await launch({
      argv: ['/bin/sleep', '600'],
      cwd: '/',
      env: { PATH: '/usr/bin:/bin', SECRET: 'canary' },
      fifo: null,
      exitFile: null,
      cgroups: [],
      openFiles: null,
      fileBytes: null,
      limitArgv: [],
      identity: { uid: ids.liveUid, gid: ids.gid },
    });
    t.after(() => terminate({ leader: live, cgroup: null, mark: null, graceMs: 0 }));
    await until('it is the live process', () =>
      /^Uid:\s+59900\s/m.test(readFileSync(`/proc/${live.pid}/status`, 'utf8')),
    );
    const attempt =
      'tr "\\0" "\\n" <"/proc/$PID/environ"; echo "environ $?"; kill -9 "$PID"; echo "signal $?"; echo x >"$VOLUME/x"; echo "write $?"; ls "$VOLUME"; echo "list $?"';
    const env = { PID: String(live.pid), VOLUME: volume };
    const { lines } = await run(spec(attempt, { env }));
    const codes = new Map(
      lines.flatMap((line) =>
        [...line.matchAll(/^(environ|signal|write|list) (\d+)$/g)].map((m): [string, string] => [m[1]!, m[2]!]),
      ),
    );
    for (const what of ['environ', 'signal', 'write', 'list']) assert.notEqual(codes.get(what) ?? '0', '0', what);
    assert.ok(!lines.some((line) => line.includes('canary')));
    assert.ok(isAlive(live));
    assert.deepEqual(readdirSync(volume), []);
    // The guard can fail: the live identity does all of it.
    const same = await run(spec(attempt.replace('kill -9', 'kill -0'), { env, identity: 'live', place: { treeId } }));
    assert.ok(
      same.lines.includes('SECRET=canary') && same.lines.includes('signal 0') && same.lines.includes('write 0'),
    );
  },
);

test('a slow listener loses the oldest lines and is told', async () => {
  const feed = lineFeed(3);
  const listening = feed.listen(new AbortController().signal);
  const first = listening.next();
  feed.push('a');
  assert.equal((await first).value, 'a');
  for (const line of ['b', 'c', 'd', 'e', 'f']) feed.push(line);
  feed.close();
  const rest: string[] = [];
  for await (const line of listening) rest.push(line);
  assert.deepEqual(rest, ['lockstep: 2 lines dropped', 'd', 'e', 'f']);
});

test('kept output is read again by the next agent', () => {
  const folder = mkdtempSync(join(home, 'kept-'));
  const first = keepOutput(folder, 1000, false);
  for (let line = 0; line < 50; line += 1) first.add(`line ${line}`);
  first.close();
  const second = keepOutput(folder, 1000, true);
  second.add('more');
  assert.equal(second.tail().at(-2), 'line 49');
  assert.equal(second.bytes(), first.bytes() + 5);
  second.close();
  assert.ok(identify(process.pid));
});

test('a disk without room costs the kept output, not the agent', async () => {
  const folder = mkdtempSync(join(home, 'kept-'));
  symlinkSync('/dev/full', join(folder, 'output'));
  const kept = keepOutput(folder, 1000, false);
  kept.add('one');
  await pause(1); // an error in the turn's own task would have ended this process
  kept.add('two');
  kept.close();
  assert.deepEqual(kept.tail(), ['one', 'two']);
});

test('a folder that a job closed to itself is removed with it', async () => {
  const one = spec('mkdir -p "$HOME/a/b" && touch "$HOME/a/b/c" && chmod 0 "$HOME/a/b" "$HOME/a"');
  const { result } = await run(one);
  assert.equal(result.exitCode, 0);
  await until('its home goes', () => !existsSync(join(folders.job(one.id), 'home')));
});

test('a collection of ended jobs that fails costs nothing but the collection', needsRoot, async () => {
  const other = homeFolders(mkdtempSync(join(home, 'other-')));
  const theirs = await openJobs({ folders: other, toolchains, cgroups });
  rmSync(other.jobs, { recursive: true });
  const nobody = { liveUid: null, gateUid: null, gid: null };
  for (let ended = 0; ended < 20; ended += 1)
    await assert.rejects(run(spec('true', nobody), theirs), { code: 'bad-request' });
  await pause(0);
});

test('a folder that is to be collected is there after the job, also for the next agent, and no other folder is', async () => {
  const shell =
    'mkdir -p "$OUT/site/sub" "$OUT/other" && echo page >"$OUT/site/sub/index.html" && echo no >"$OUT/other/x"';
  const given = spec(shell, { env: { OUT: '{reports}' }, collect: { docs: 'site' }, id: id('job') });
  const endless = follow(spec('sleep 100', { collect: { docs: 'site' } }));
  const { result } = await run(given);
  assert.equal(result.exitCode, 0);
  const places = jobPlaces(folders.job(given.id));
  await until('what was not asked for is gone', () => !existsSync(join(places.reports, 'other')));
  const later = await open();
  for (const by of [jobs, later]) {
    const { files } = await by.collected(given.id, 'docs');
    const paths: string[] = [];
    for await (const { path, content } of files) {
      for await (const chunk of content) assert.equal(String(chunk), 'page\n');
      paths.push(path);
    }
    assert.deepEqual(paths, ['sub/index.html']);
  }
  for (const name of ['other', 'site']) await assert.rejects(jobs.collected(given.id, name), isNotFound);
  const [running] = jobs.inUse(app).copies.length > 0 ? [endless] : [];
  assert.ok(running);
  endless.stopper.abort(fail('cancelled', 'enough'));
  await endless.end;
});

const isNotFound = (error: unknown) => isFailure(error, 'not-found');

test('names of folders to collect are plain and few', async () => {
  for (const collect of [
    { docs: '../x' },
    { docs: 'a/b' },
    { '../x': 'site' },
    { a: 'a', b: 'b', c: 'c', d: 'd', e: 'e' },
  ])
    await assert.rejects(run(spec('true', { collect })), (error) => isFailure(error, 'bad-request'));
});
