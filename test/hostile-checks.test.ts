// Checks that mean harm, or are merely broken: whatever one does is bounded, the verdict is "failed", and the reason says why.
// Real jobs of a real agent's kind; the check is one that a repository could name in its lockstep.yml.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { ensureAppFolders, homeFolders } from '../src/agent/folders.ts';
import { openJobs } from '../src/agent/jobs/jobs.ts';
import { detectCgroups } from '../src/agent/process/cgroup.ts';
import { hasNetworkNamespaces } from '../src/agent/process/netless.ts';
import { listProcesses } from '../src/agent/process/proc.ts';
import { openToolchains } from '../src/agent/toolchains/toolchains.ts';
import { readLockstepYml } from '../src/config/readers/lockstep-yml.ts';
import type { CheckResult } from '../src/domain/gate.ts';
import { type AppId, type JobId, makeId } from '../src/domain/ids.ts';
import type { JobResult } from '../src/domain/job.ts';
import { defaultLimits } from '../src/domain/plan.ts';
import { configuredChecks } from '../src/gate/configured.ts';
import { checkLines } from '../src/gate/messages.ts';
import { applyPolicy } from '../src/gate/policy/policy.ts';

const isRoot = process.getuid?.() === 0;
const needsRoot = { skip: isRoot ? false : 'needs root: identities' };
const home = mkdtempSync(join(tmpdir(), 'lockstep-hostile-'));
chmodSync(home, 0o755);
const folders = homeFolders(home);
const toolchains = await openToolchains({ folders, programRoot: join(import.meta.dirname, '..'), log: () => {} });
const jobs = await openJobs({ folders, toolchains, cgroups: detectCgroups(), now: Date.now });
after(async () => {
  await jobs.stopAll();
  rmSync(home, { recursive: true, force: true });
});
const id = <P extends 'app' | 'job'>(prefix: P) => makeId(prefix, Date.now(), randomBytes(16));

async function makeApp(uid: number) {
  const ids = { liveUid: uid, gateUid: uid + 1, gid: uid };
  const app: AppId = id('app');
  await ensureAppFolders(folders, { id: app, ...ids });
  const copy = folders.copy(app, 'one');
  mkdirSync(copy, { mode: 0o750 });
  if (isRoot) chownSync(copy, ids.gateUid, ids.gid);
  writeFileSync(join(copy, 'secret.txt'), 'a secret of this app\n', { mode: 0o640 });
  if (isRoot) chownSync(join(copy, 'secret.txt'), ids.gateUid, ids.gid);
  return { app, ids, copy };
}
const mine = await makeApp(59_920);
const other = await makeApp(59_930);
const facts = { paths: [], texts: new Map(), changed: new Map(), testEnv: {} };

/** The verdict on a check of the repository's own, as the gate would reach it. */
async function verdictOn(said: object | string): Promise<CheckResult & { job: JobResult }> {
  const { gate } = readLockstepYml(JSON.stringify({ gate: { checks: { harm: said } } }));
  const check = configuredChecks(gate, [])[0]!;
  const { command, env, files, reports, tools, deadlineMs, network } = check.plan(facts)!;
  let job: JobResult | null = null;
  const spec = {
    ...({ ...mine.ids, id: id('job') as JobId, appId: mine.app, kind: 'check', identity: 'gate' } as const),
    ...{ place: { copy: 'one' }, layerKey: null, command, env, files, reports, tools, deadlineMs, volumes: {} },
    ...(network ? { network } : {}),
    outputBytes: 64 * 1024,
    limits: { ...defaultLimits, pids: 64 },
  };
  for await (const event of jobs.run(spec, new AbortController().signal)) if ('result' in event) job = event.result;
  const judged = check.judge(facts, job!);
  const result = applyPolicy('kind' in judged ? judged : judged[0]!, {
    ...{ changed: new Map(), hasEverRunTests: true, main: null },
  });
  return { ...result, job: job! };
}

const said = (result: CheckResult): string => checkLines(result).join('\n');
const alive = (mark: string) => listProcesses().filter(({ pid }) => commandOf(pid).includes(mark));
function commandOf(pid: number): string {
  try {
    return process.getBuiltinModule('node:fs').readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}

test('one that hangs is ended at its time, with the last line that it wrote', async () => {
  const result = await verdictOn({ run: 'echo waiting for godot; exec sleep 7771', timeout: '1s' });
  assert.equal(result.outcome, 'failed');
  assert.match(said(result), /harm FAILED .*timed out after \d+\.\ds; last output: waiting for godot/);
  assert.deepEqual(alive('sleep 7771'), []);
});

test('one that forks away leaves nothing behind, however it left', async () => {
  const result = await verdictOn({
    run: 'setsid sh -c "setsid sleep 7772 & sleep 7772" </dev/null >/dev/null 2>&1 & sleep 7772 & sleep 0.2; exit 3',
  });
  assert.deepEqual([result.outcome, result.summary], ['failed', 'exit 3']);
  assert.deepEqual(alive('sleep 7772'), []);
});

test('one that multiplies stops at its number of processes', needsRoot, async () => {
  const result = await verdictOn({
    run: 'i=0; while [ $i -lt 300 ]; do sleep 7773 & i=$((i+1)); done; exit 4',
    timeout: '20s',
  });
  assert.equal(result.outcome, 'failed');
  assert.match(result.job.outputTail.join('\n'), /[Cc]annot fork|[Rr]esource temporarily unavailable/);
  assert.deepEqual(alive('sleep 7773'), []);
});

test('one that prints a gigabyte waits for its reader, costs no memory, and is ended at its time', async () => {
  const before = process.memoryUsage().rss;
  const flood = 'echo the beginning; head -c 1073741824 /dev/zero | tr "\\0" x | fold -w 200; exit 5';
  const result = await verdictOn({ run: flood, timeout: '3s' });
  assert.equal(result.outcome, 'failed');
  assert.match(result.summary, /^timed out after \d+\.\ds; last output: /);
  assert.ok(result.job.outputBytes > 64 * 1024, 'more was printed than is kept');
  assert.ok(result.job.outputTail.join('').length <= 64 * 1024);
  const grown = process.memoryUsage().rss - before;
  assert.ok(grown < 256 * 2 ** 20, `${grown} bytes more`);
});

test('one that writes outside of its folder is refused, and nothing is there', needsRoot, async () => {
  const places = [
    '/etc/lockstep-harm',
    join(folders.home, 'harm'),
    join(other.copy, 'harm'),
    join(folders.agent, 'harm'),
  ];
  for (const place of places) {
    const result = await verdictOn({ run: `echo harm > ${place}` });
    assert.equal(result.outcome, 'failed', place);
    assert.match(said(result), /[Pp]ermission denied|cannot create/, place);
    assert.ok(!existsSync(place), place);
  }
});

test("one that reads another app's files or the platform's is refused", needsRoot, async () => {
  mkdirSync(join(folders.home, 'control'), { mode: 0o700 });
  writeFileSync(join(folders.home, 'control', 'owner.token'), 'lst_secret', { mode: 0o600 });
  const places = [join(other.copy, 'secret.txt'), join(folders.home, 'control', 'owner.token'), '/etc/shadow'];
  for (const place of places) {
    const result = await verdictOn({ run: `cat ${place}` });
    assert.deepEqual([result.outcome, result.summary], ['failed', 'exit 1'], place);
    assert.match(said(result), /[Pp]ermission denied/, place);
    assert.doesNotMatch(said(result), /secret of this|lst_secret/);
  }
  const own = await verdictOn({ run: 'cat secret.txt' });
  assert.equal(own.outcome, 'passed', 'its own it reads');
});

const namespaces = { skip: hasNetworkNamespaces() ? false : 'no network namespaces here' };
const reach = (url: string) => `python3 -c "import urllib.request as u; print(u.urlopen('${url}', timeout=5).status)"`;

test('one without network reaches nothing but its own loopback', namespaces, async () => {
  const server = createServer((_request, response) => void response.end('ok')).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  try {
    assert.equal((await verdictOn({ run: reach(url) })).outcome, 'passed', 'with the network it is there');
    const refused = await verdictOn({ run: reach(url), network: 'none' });
    assert.equal(refused.outcome, 'failed');
    assert.match(said(refused), /Connection refused|unreachable/);
    const both =
      "import http.server as h, threading, urllib.request as u; s = h.HTTPServer(('127.0.0.1', 0), h.SimpleHTTPRequestHandler); threading.Thread(target=s.serve_forever, daemon=True).start(); print(u.urlopen('http://127.0.0.1:%d/' % s.server_port).status)";
    const own = await verdictOn({ run: `python3 -c "${both}"`, network: 'none' });
    assert.equal(own.outcome, 'passed', said(own));
    const who = await verdictOn({ run: 'id -u; exit 1', network: 'none' });
    assert.equal(who.job.outputTail.at(-1), String(isRoot ? mine.ids.gateUid : process.getuid?.()));
  } finally {
    server.close();
  }
});

test('one whose program is not there failed by its own fault, and one that asks for another try did not', async () => {
  const missing = await verdictOn('no-such-program-of-ours --x');
  assert.deepEqual([missing.outcome, missing.summary], ['failed', 'a program of the command was not found (exit 127)']);
  assert.equal((await verdictOn('exit 75')).outcome, 'infra');
});

test('a report that was committed counts for nothing, and one that was promised must come', async () => {
  writeFileSync(join(mine.copy, 'j.xml'), '<testsuites><testcase name="old"/></testsuites>', { mode: 0o666 });
  if (isRoot) chownSync(join(mine.copy, 'j.xml'), mine.ids.gateUid, mine.ids.gid);
  const stale = await verdictOn({ run: 'true && test -d .', report: { junit: 'j.xml' } });
  assert.deepEqual([stale.outcome, stale.summary], ['failed', 'the command passed, and wrote no j.xml']);
  const write = (text: string) => `printf '%s' '${text}' > j.xml`;
  const report = { junit: 'j.xml' };
  const red =
    '<testsuites><testcase name="pay" file="t/a.js"><failure message="2 is not 3">at (t/a.js:7:3)</failure></testcase></testsuites>';
  const failed = await verdictOn({ run: write(red), report });
  assert.deepEqual([failed.outcome, failed.summary], ['failed', '1 of 1 tests failed']);
  assert.deepEqual(failed.findings[0], { file: 't/a.js', line: 7, rule: 'pay', message: '2 is not 3' });
  const nonsense = await verdictOn({ run: write('<a>'), report });
  assert.match(nonsense.summary, /j\.xml is no junit report/);
  const green = await verdictOn({ run: write('<testsuites><testcase name="pay"/></testsuites>'), report });
  assert.deepEqual([green.outcome, green.summary, green.metrics.testsRun], ['passed', '1 test', 1]);
});
