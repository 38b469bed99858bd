// What the gate costs: the time of each check on the examples, beside the same tools by hand in the same run where they are known
// (the Flask example); a tree that was checked before; and how fast a queue of merge requests lands, with none, a twentieth and a
// fifth of them red. Usage: npm run bench -- gate [--runs 5] [--merges 20] [--json] [--strict]
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Json, root, Stage, until } from '../test/support/stage.ts';
import { openHand } from './journey/hand.ts';
import { barOf, spreadOf } from './journey/report.ts';
import { filesOf, freshPage } from './journey/subject.ts';
import { machineNow, noiseNow, noiseOf } from './support/machine.ts';
import { print, say, type Table } from './support/report.ts';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '5' },
    merges: { type: 'string', default: '20' },
    json: { type: 'boolean', default: false },
    strict: { type: 'boolean', default: false },
  },
});
const runs = Number(values.runs);
const merges = Number(values.merges);
for (const [name, value] of Object.entries({ runs, merges }))
  if (!Number.isInteger(value) || value < 1 || value > 200) throw new Error(`--${name} takes a number from 1 to 200`);

const flask = 'flask-guestbook';
/** What a check may cost over the same tools by hand: the larger of the two. */
const overheadShare = 0.15;
const overheadMs = 150;
const shares = [0, 0.05, 0.2];

type Told = { example: string; gateMs: number[]; checks: Map<string, number[]>; broke: string | null };
type Queue = { share: number; landed: number; rejected: number; seconds: number };

const machine = machineNow();
const noise = [await noiseNow()];
await using stage = await Stage.open();
const told: Told[] = [];
for (const example of readdirSync(join(root, 'examples')).sort()) {
  const one = await measureExample(example);
  told.push(one);
  say(`${example}: ${one.broke ?? `${Math.round(spreadOf(one.gateMs)!.p50)} ms`}`);
}
const guestbook = told.find(({ example }) => example === flask);
if (!guestbook || guestbook.broke !== null) throw new Error(`${flask} did not come through: ${guestbook?.broke}`);
const hand = await byHand();
const memoMs = await memoHits();
const queues: Queue[] = [];
for (const share of shares) {
  queues.push(await queue(share));
  say(`queue, ${share * 100} % red: ${JSON.stringify(queues.at(-1))}`);
}
noise.push(await noiseNow());

const middle = (list: readonly number[]): number => spreadOf(list)!.p50;
const overhead = (['style', 'tests'] as const).map((name) => {
  const gateMs = middle(guestbook.checks.get(name) ?? []);
  const handMs = middle(hand[name]);
  return { name, gateMs, handMs, overMs: gateMs - handMs, limitMs: Math.max(overheadMs, handMs * overheadShare) };
});
const tables: Table[] = [
  {
    title: 'gate, p50 in ms',
    columns: ['whole', 'slowest check', 'checks'],
    rows: told.map(({ example, gateMs, checks, broke }) => {
      if (broke !== null) return [example, '-', '-', broke];
      const each = [...checks].map(([name, ms]) => [name, middle(ms)] as const).sort(([, a], [, b]) => b - a);
      return [
        example,
        middle(gateMs),
        each[0]?.[0] ?? '-',
        each.map(([name, ms]) => `${name} ${Math.round(ms)}`).join(', '),
      ];
    }),
  },
  {
    title: `${flask}, p50 in ms`,
    columns: ['gate', 'by hand', 'over'],
    rows: overhead.map(({ name, gateMs, handMs, overMs }) => [name, gateMs, handMs, overMs]),
  },
  {
    title: 'queue',
    columns: ['landed', 'rejected', 'seconds', 'landed a minute'],
    rows: queues.map((one) => [
      `${one.share * 100} % red`,
      ...[one.landed, one.rejected, one.seconds, (one.landed / one.seconds) * 60],
    ]),
  },
];
print(
  {
    bench: 'gate',
    about: `each check on ${told.length} examples (${runs} pushes each), a tree that was checked before, and ${merges} merge requests asked for at once`,
    machine,
    void: noiseOf(noise),
    tables,
    bars: overhead.map(({ name, overMs, limitMs }) => barOf(`${name} over the same tools by hand`, overMs, limitMs)),
    notes: [
      `a push of a tree that was checked before: gate p50 ${Math.round(middle(memoMs))} ms`,
      'By hand the tools run one after the other on an idle machine; in the gate all checks, the build and the boot run beside each other.',
    ],
    charts: [],
    figures: {
      examples: told.map((one) => ({ ...one, checks: Object.fromEntries(one.checks) })),
      ...{ hand, memoMs, overhead, queues },
    },
  },
  { isJson: values.json, isStrict: values.strict },
);

async function measureExample(example: string): Promise<Told> {
  const one: Told = { example, gateMs: [], checks: new Map(), broke: null };
  try {
    const work = await stage.makeApp(example, join(root, 'examples', example));
    await stage.deploy(work);
    for (let run = 0; run < runs; run += 1) {
      await change(example, work, run);
      await stage.deploy(work);
      const { moments, verdict } = await detail(example);
      one.gateMs.push(moments.proved - moments.gating);
      for (const { name, kind, durationMs } of verdict.checks) {
        if (kind === 'build') continue;
        one.checks.set(name, [...(one.checks.get(name) ?? []), durationMs]);
      }
    }
  } catch (error) {
    one.broke =
      (error as Error).message.split('\n').find((line) => /FAILED|rejected|infra/.test(line)) ??
      String(error).slice(0, 200);
  }
  return one;
}

/** A tree that nobody has seen: of the Flask app a line of Python and one of a template, of others a file beside them. */
async function change(example: string, work: string, run: number): Promise<void> {
  if (example === flask) stage.write(work, filesOf(work, freshPage()));
  else stage.write(work, { 'bench.txt': `run ${run} of ${Date.now()}\n` });
  await stage.commit(work, `run ${run}`);
}

async function detail(app: string): Promise<Json> {
  const { id } = await stage.lastChange(app);
  return (await stage.api(`/apps/${app}/changes/${id}`)).body;
}

async function byHand(): Promise<{ style: number[]; tests: number[] }> {
  const tools = await openHand(stage);
  const work = join(stage.folder, flask);
  const all = { style: [] as number[], tests: [] as number[] };
  for (let run = 0; run <= runs; run += 1) {
    const page = freshPage();
    stage.write(work, filesOf(work, page));
    await stage.commit(work, 'by hand');
    const { styleMs, testsMs } = await tools.run(work, page);
    if (run === 0) continue; // caches of the disk
    all.style.push(styleMs);
    all.tests.push(testsMs);
  }
  await stage.git(work, 'reset', '-q', '--hard', 'lockstep/main');
  return all;
}

/** Main goes forth and back between two trees that are known. */
async function memoHits(): Promise<number[]> {
  const work = join(stage.folder, flask);
  const ms: number[] = [];
  await stage.git(work, 'fetch', '-q', 'lockstep');
  await stage.git(work, 'reset', '-q', '--hard', 'lockstep/main');
  for (let run = 0; run < runs; run += 1) {
    await stage.git(work, 'revert', '--no-edit', 'HEAD');
    await stage.deploy(work);
    const { moments, isMemoised } = await detail(flask);
    if (isMemoised) ms.push(moments.proved - moments.gating);
  }
  if (ms.length === 0) throw new Error('no push came from the memo');
  return ms;
}

/** Branches with a file of their own, every so many of them with a style finding, asked to be merged all at once. */
async function queue(share: number): Promise<Queue> {
  const app = `queue-${Math.round(share * 100)}`;
  const work = await stage.makeApp(app, join(root, 'examples', flask));
  await stage.deploy(work);
  const isRed = (at: number) => share > 0 && at % Math.round(1 / share) === 0;
  const branches = Array.from({ length: merges }, (_, at) => ({ name: `b${at}`, isRed: isRed(at) }));
  for (const { name, isRed: red } of branches) {
    await stage.git(work, 'checkout', '-q', '-b', name, 'main');
    stage.write(work, { [`bench_${name}.py`]: `"""A module of the bench."""\n\nVALUE${red ? '=' : ' = '}"${name}"\n` });
    await stage.commit(work, name);
  }
  // One push, so that the branches' own checks do not run one by one before the queue is asked.
  await stage.git(work, 'push', '-q', 'lockstep', ...branches.map(({ name }) => name));
  const begunAt = performance.now();
  for (const { name } of branches) {
    const { status, body } = await stage.api(`/apps/${app}/merges`, { method: 'POST', body: { branch: name } });
    if (status !== 202) throw new Error(`a merge was not taken: ${JSON.stringify(body)}`);
  }
  const ended = async () => {
    const { items } = (await stage.api(`/apps/${app}/changes?limit=200`)).body;
    return items.filter((one: Json) => one.how === 'merge' && one.endedAt !== null);
  };
  await until(
    async () => (await ended()).length >= merges,
    30 * 60_000,
    () => 'the queue did not end',
  );
  const seconds = (performance.now() - begunAt) / 1000;
  const states = (await ended()).map((one: Json) => one.state);
  await stage.lockstep(['destroy', '-a', app, '--yes']);
  return {
    ...{ share, seconds },
    landed: states.filter((state: string) => state === 'landed').length,
    rejected: states.filter((state: string) => state === 'rejected').length,
  };
}
