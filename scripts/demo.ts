// `npm run demo`: a stranger takes a real Flask app from its first push to a rollback, on a throw-away home, and stays up
// until Ctrl-C. `--check` leaves by itself, with exit 0 only if every step did what it should, and prints one JSON object as
// its last line; `--json` prints that alone. Only the `git` and `lockstep` programs and HTTP are used; a poller asks for the page all the while.
// `--runtime docker`: the same story, with the app in images that are built of it.
import assert from 'node:assert/strict';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { accountTo, cross, result, say, tick, title } from './demo/account.ts';
import { ask } from './demo/ask.ts';
import { openDemoEngine } from './demo/engine.ts';
import { noFigures, resultOf } from './demo/figures.ts';
import { Poller, watchFor } from './demo/poller.ts';
import { type Ended, Stranger } from './demo/stranger.ts';
import { isSamePage, type Page, readPage, Timeline } from './demo/timeline.ts';
import { readWords, type Words } from './demo/words.ts';

const app = 'guestbook';
const liveLimitMs = 300_000;
const leastPerSecond = 50;
const leaveLimitMs = 60_000;
const figures = noFigures();

const { isCheck, isAlone, runtime } = words();
if (isAlone) accountTo(process.stderr);
let isInterrupted = false;
const interrupted = new Promise<'interrupted'>((resolve) => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => {
      isInterrupted = true;
      resolve('interrupted');
    });
});

const engine =
  runtime === 'docker'
    ? await openDemoEngine(process.env).catch((error: Error) => {
        if (isCheck) result(resultOf(figures, false, null, null));
        return refuse(error);
      })
    : null;
const checkout = dirname(import.meta.dirname);
const stranger = new Stranger(
  checkout,
  join(checkout, 'examples', 'flask-guestbook'),
  engine ? { LOCKSTEP_ENGINE: engine.socket } : {},
);
const timeline = new Timeline();
let poller: Poller | null = null;

const first: Page = { headline: 'Guestbook', lead: 'Leave a few words for those who come after you.' };
const second: Page = { headline: 'Harbour Guestbook', lead: 'Say hello to those who sail in after you.' };

// ---- what a stranger does ------------------------------------------------------------------------------------------

async function setUp(): Promise<void> {
  const ready = await stranger.start();
  tick(`lockstep up serves at ${ready.url}`, ready.ms);
  if (engine) inImages(engine.python);
  await done(stranger.git('init', '-q', '-b', 'main'));
  await commit('A guestbook');
  await done(stranger.lockstep('create', app));
  tick('lockstep create guestbook', null);
}

/** What makes the example an app of images, on the Python that the engine has. */
function inImages(python: string | null): void {
  appendFileSync(join(stranger.workTree, 'lockstep.yml'), 'runtime: docker\n');
  if (python !== null) writeFileSync(join(stranger.workTree, '.python-version'), `${python}\n`);
}

async function firstPush(): Promise<void> {
  const watch = watching(first);
  const push = await watch.during(stranger.git('push', 'lockstep', 'main'));
  figures.firstPushMs = (await watch.firstByteAt) - push.startedAt;
  timeline.expect(first);
  await pageIs(first);
  tick('first push → live', figures.firstPushMs, [`${shown(first)}`, ...lastRemoteLine(push)]);
  poller = new Poller(stranger.pageOf(app), timeline);
}

async function codeChange(): Promise<void> {
  edit('guestbook/config.py', `HEADLINE = "${first.headline}"`, `HEADLINE = "${second.headline}"`);
  edit('guestbook/templates/index.html', first.lead, second.lead);
  const head = await commit('Greet sailors');
  timeline.expect(second);
  const watch = watching(second);
  const push = await watch.during(stranger.git('push', 'lockstep', 'main'));
  const firstByteAt = await watch.firstByteAt;
  figures.pushToLiveMs = firstByteAt - push.startedAt;
  await pageIs(second);
  assert.equal(await stranger.main(), head, 'main is what was pushed');
  const change = await stranger.newestChange(app);
  assert.equal(change.head, head, 'the newest change is the push');
  const advancedAt = change.moments.advanced;
  assert.ok(advancedAt !== undefined, `the change tells when main advanced: ${JSON.stringify(change.moments)}`);
  figures.mergeToLiveMs = firstByteAt - advancedAt;
  tick('a code-only change → live', figures.pushToLiveMs, [
    `${shown(second)}`,
    `${figures.mergeToLiveMs.toFixed(1)} ms after main moved`,
  ]);
}

async function styleError(): Promise<void> {
  const { ms, said } = await refused('A style error', () =>
    edit('guestbook/config.py', `HEADLINE = "${second.headline}"`, 'HEADLINE="Unstyled Guestbook"'),
  );
  const finding = said.find((line) => /guestbook\/config\.py:6\b/.test(line));
  assert.ok(finding, `the finding names file and line:\n${said.join('\n')}`);
  figures.styleRejectMs = ms;
  tick('a style error → rejected', ms, [finding.trim(), 'page and main are as they were']);
}

async function failingTest(): Promise<void> {
  const { ms, said } = await refused('A failing test', () => {
    edit('guestbook/config.py', `HEADLINE = "${second.headline}"`, 'HEADLINE = "Broken Guestbook"');
    edit('guestbook/templates/index.html', 'Nobody has written yet.', 'Silence.');
  });
  const failure = said.find((line) => line.includes('test_index_without_entries'));
  assert.ok(failure, `the failing test is named:\n${said.join('\n')}`);
  figures.testRejectMs = ms;
  tick('a change that fails a test → rejected', ms, [failure.trim(), 'page and main are as they were']);
}

async function rollback(): Promise<void> {
  const before = await stranger.main();
  timeline.expect(first);
  const watch = watching(first);
  const rolled = await watch.during(stranger.lockstep('rollback', '--json', '-a', app));
  const firstByteAt = await watch.firstByteAt;
  figures.rollbackMs = firstByteAt - rolled.startedAt;
  await pageIs(first);
  await done(stranger.git('fetch', '-q', 'lockstep', 'main'));
  const tree = async (commitName: string) =>
    (await done(stranger.git('rev-parse', `${commitName}^{tree}`))).stdout.trim();
  assert.notEqual(await stranger.main(), before, 'main has moved by a revert commit');
  assert.equal(await tree('FETCH_HEAD'), await tree('HEAD~1'), "main's tree is the earlier one");
  const { requested } = (await stranger.newestChange(app)).moments;
  const fromRequest = requested === undefined ? [] : [`${Math.round(firstByteAt - requested)} ms from its request`];
  tick('lockstep rollback → the earlier page', figures.rollbackMs, [shown(first), ...fromRequest]);
}

async function inSync(): Promise<void> {
  const status = JSON.parse((await done(stranger.lockstep('status', '--json', '-a', app))).stdout) as { state: string };
  assert.equal(status.state, 'IN SYNC');
  tick('lockstep status: main is what is live', null);
}

// ---- how it is done and asserted -----------------------------------------------------------------------------------

/** Asks for a page every 5 ms from now on, while a command works. */
function watching(page: Page) {
  const gaveUp = new AbortController();
  const limit = AbortSignal.any([gaveUp.signal, AbortSignal.timeout(liveLimitMs)]);
  const firstByteAt = watchFor(page, stranger.pageOf(app), limit, (answer) => poller?.judge(answer));
  firstByteAt.catch(() => {});
  return {
    firstByteAt,
    async during(command: Promise<Ended>): Promise<Ended> {
      try {
        return await done(command);
      } catch (error) {
        gaveUp.abort(error);
        throw error;
      }
    },
  };
}

/** Pushes a change that must be refused, and undoes it in the work tree. */
async function refused(message: string, change: () => void): Promise<{ ms: number; said: string[] }> {
  const before = await stranger.main();
  change();
  await commit(message);
  const push = await stranger.git('push', 'lockstep', 'main');
  assert.notEqual(push.code, 0, `the push of "${message}" is refused:\n${push.stderr}`);
  assert.match(push.stderr, /\[remote rejected\]/, push.stderr);
  await pageIs(second);
  assert.equal(await stranger.main(), before, 'main has not moved');
  await done(stranger.git('reset', '-q', '--hard', 'HEAD~1'));
  return { ms: push.endedAt - push.startedAt, said: remoteLines(push) };
}

async function pageIs(page: Page): Promise<void> {
  const answer = await ask(stranger.pageOf(app));
  assert.equal(answer.status, 200, answer.body.slice(0, 300));
  assert.ok(isSamePage(readPage(answer.body), page), `the page is ${shown(page)}, not ${answer.body.slice(0, 300)}`);
}

async function commit(message: string): Promise<string> {
  await done(stranger.git('add', '--all'));
  await done(stranger.git('commit', '-q', '-m', message));
  return (await done(stranger.git('rev-parse', 'HEAD'))).stdout.trim();
}

async function done(command: Promise<Ended>): Promise<Ended> {
  const ended = await command;
  assert.equal(ended.code, 0, `it ended with ${ended.code}:\n${ended.stdout}${ended.stderr}`);
  return ended;
}

function edit(file: string, from: string, to: string): void {
  const path = join(stranger.workTree, file);
  const text = readFileSync(path, 'utf8');
  assert.equal(text.split(from).length, 2, `${file} holds ${from} once`);
  writeFileSync(
    path,
    text.replace(from, () => to),
  );
}

const shown = (page: Page): string => `“${page.headline}: ${page.lead}”`;

function remoteLines(push: Ended): string[] {
  return push.stderr.split(/[\r\n]+/).flatMap((line) => /^remote: (.*?) *$/.exec(line)?.[1] ?? []);
}

function lastRemoteLine(push: Ended): string[] {
  return remoteLines(push)
    .filter((line) => line.trim() !== '')
    .slice(-1);
}

/** The engine outlives the demo: nothing of the demo's may be left in it. */
async function leaveEngine(): Promise<string | null> {
  if (!engine) return null;
  const node = await stranger.lockstep('destroy', '-a', app, '--yes', '--volumes').then(() => stranger.nodeId());
  for (const end = performance.now() + leaveLimitMs; ; await new Promise((resolve) => setTimeout(resolve, 100))) {
    const left = await engine.leftOf(node);
    if (left.length === 0) return null;
    if (performance.now() > end) return `in the engine there is still: ${left.join(', ')}`;
  }
}

// ---- the whole -----------------------------------------------------------------------------------------------------

const steps: readonly (readonly [string, () => Promise<void>])[] = [
  ['set up', setUp],
  ['first push', firstPush],
  ['a code-only change', codeChange],
  ['a style error', styleError],
  ['a failing test', failingTest],
  ['rollback', rollback],
  ['status', inSync],
];

/** True when every step did what it should. */
async function takeSteps(): Promise<boolean> {
  for (const [name, step] of steps) {
    try {
      await step();
    } catch (error) {
      if (isInterrupted) return false;
      const lines = stranger.said().slice(-10);
      cross(name, [(error as Error).message, ...lines].join('\n'));
      return false;
    }
  }
  return true;
}

function words(): Words {
  try {
    return readWords(process.argv.slice(2));
  } catch (error) {
    return refuse(error as Error, 64);
  }
}

function refuse(error: Error, code = 1): never {
  cross('the demo cannot begin', error.message);
  process.exit(code);
}

title(`Lockstep: a real Flask app${engine ? ' in containers' : ''}, from its first push to a rollback`);
const outcome = await Promise.race([takeSteps(), interrupted]);
let isOk = outcome === true;
const url = isOk ? `http://${stranger.pageOf(app).host}` : null;
const report = await (poller as Poller | null)?.stop();
if (report) {
  const what = `${report.requests} requests meanwhile, ${report.failed} failed`;
  const more = [`${report.perSecond.toFixed(0)} a second, the slowest took ${Math.round(report.slowestMs)} ms`];
  if (report.failed === 0 && report.perSecond >= leastPerSecond) tick(what, null, more);
  else cross(what, [...more, ...report.problems].join('\n'));
  isOk &&= report.failed === 0 && report.perSecond >= leastPerSecond;
}
if (!isCheck && outcome !== 'interrupted') {
  say();
  title(isOk ? `The app is at ${url}` : 'Something is not as it should be; what there is stays up to look at.');
  say(`  its repository: ${stranger.workTree}  (change it, commit, git push lockstep main)`);
  say(`  with: export LOCKSTEP_HOME=${stranger.home} PATH="${join(checkout, 'bin')}:$PATH"`);
  say('  Ctrl-C stops it all and removes the throw-away home.');
  await interrupted;
}
const left = await leaveEngine().catch((error: Error) => `the engine was not asked what is left: ${error.message}`);
const problem = (await stranger.leave()) ?? left;
await engine?.[Symbol.asyncDispose]();
if (problem) cross('leaving', problem);
isOk &&= problem === null;
if (isCheck) result(resultOf(figures, isOk, report ?? null, url));
process.exit(isOk || (!isCheck && outcome === true) ? 0 : 1);
