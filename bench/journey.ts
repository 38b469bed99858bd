// What the journey costs. Each run pushes a tree that nobody has seen, through the whole gate, while a visitor asks for the
// page every 5 ms; then a push that is refused and two rollbacks. Beside each: the app's own checks and start by hand, and
// the glue script that people write. The README of this folder says what each figure means.
import { existsSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { root, Stage } from '../test/support/stage.ts';
import { Arena, app } from './journey/arena.ts';
import { conditionsOff, instanceOff, watchJobs } from './journey/conditions.ts';
import { type Glue, openGlue, standIn } from './journey/glue.ts';
import { type Hand, openHand } from './journey/hand.ts';
import { compiledProgram, type Memory, memoryOf } from './journey/memory.ts';
import { type Options, parseOptions } from './journey/options.ts';
import { note, round } from './journey/report.ts';
import { missingOf, stagesOf } from './journey/stages.ts';
import { freshPage } from './journey/subject.ts';
import { type Run, type Summary, summarize } from './journey/summary.ts';
import { measureVariant, type Variant } from './journey/variants.ts';
import { waitedFor } from './journey/waited.ts';
import { type Machine, machineNow, noiseNow } from './support/machine.ts';
import { markdownOf } from './support/report.ts';

const restMs = 60_000;

async function measure(stage: Stage, options: Options, open: AsyncDisposableStack) {
  note('the app is made, its packages are fetched');
  const jobs = watchJobs();
  const arena = await Arena.open(stage).finally(() => jobs.stop());
  const page = freshPage();
  await arena.write(page);
  const first = await arena.push(page);
  const firstPush = first.firstByteAt - first.startedAt;
  note(`first push, packages in uv's cache: ${Math.round(firstPush)} ms`);
  const off = [...(await conditionsOff(stage)), ...(await instanceOff(stage, app, jobs.uids))];
  const hand = await openHand(stage);
  const glue = open.adopt(await openGlue(stage, hand.venv), (one) => one.close());
  const runs: Run[] = [];
  const broken: string[] = [];
  const noise: number[] = [];
  // One of each to begin with, which is not counted: caches of the disk and of the three processes are then warm.
  await oneRun(arena, hand, glue, jobs.uids);
  const most = options.runs + Math.max(3, Math.ceil(options.runs / 4));
  const isEnough = () => runs.filter((run) => run.void.length === 0).length >= options.runs;
  while (!isEnough() && runs.length + broken.length < most) {
    try {
      noise.push(await noiseNow());
      const run = await oneRun(arena, hand, glue, jobs.uids);
      runs.push(run);
      const account = `push to live ${Math.round(run.pushToLiveMs)} ms, by hand ${Math.round(run.hand.checksMs)} ms`;
      note(`run ${runs.length}: ${account}${run.void.length > 0 ? `, void: ${run.void.join('; ')}` : ''}`);
    } catch (error) {
      broken.push((error as Error).message);
      note(`a run broke off: ${broken.at(-1)}`);
      await arena.follow();
    }
  }
  const variants: Variant[] = [];
  for (const shape of options.shapes) {
    variants.push(await measureVariant(arena, shape, options.shapeRuns));
    note(`${variants.at(-1)!.name}: ${Math.round(variants.at(-1)!.pushToLive.p50)} ms`);
  }
  return { firstPush, runs, broken, packages: hand.packages, off, noise, variants };
}

async function oneRun(arena: Arena, hand: Hand, glue: Glue, gateUids: ReadonlySet<number>): Promise<Run> {
  const earlier = await arena.atRest();
  const older = arena.page;
  const page = freshPage();
  await arena.write(page);
  const byHand = await hand.run(arena.work, page);
  const glued = await glue.push(arena.work, page);
  const live = await arena.push(page);
  const { change } = live;
  const ahead = waitedFor(arena.stage.home, live.startedAt);
  const wrong = [...missingOf(change), ...(await instanceOff(arena.stage, app, gateUids))];
  const staged = stagesOf(change, live.startedAt, live.firstByteAt);
  if (Math.abs(1 - staged.share) > 0.05)
    wrong.push(`the stages add up to ${Math.round(staged.share * 100)} % of the client's clock`);
  const refused = await arena.reject();
  if (refused.change.isMemoised) wrong.push('the refusal came from the memo');
  const newest = await arena.atRest();
  const back = await arena.rollBack(older, earlier);
  const forth = await arena.rollBackByCommand(page, newest);
  await arena.follow();
  return {
    pushToLiveMs: live.firstByteAt - live.startedAt,
    pushReturnsMs: live.returnedAt - live.startedAt,
    mergeToLiveMs: live.firstByteAt - change.moments.advanced!,
    rejectMs: refused.ms,
    rollbackMs: back.firstByteAt - back.startedAt,
    rollbackCommandMs: forth.firstByteAt - forth.startedAt,
    commandStartMs: forth.change.moments.requested! - forth.startedAt,
    staged,
    ahead,
    hand: byHand,
    glue: glued,
    load: round(loadavg()[0]!),
    void: wrong,
  };
}

async function memoryAtRest(stage: Stage, { isRested }: Options): Promise<Memory> {
  if (isRested) {
    note('at rest for a minute before memory is read');
    // The bar names a time: this wait is what is measured.
    await sleep(restMs);
  }
  return memoryOf(stage);
}

/** The same number of pushes on the compiled build; null when there is none. */
async function compiledMemory(options: Options, open: AsyncDisposableStack): Promise<Memory | null> {
  if (!existsSync(join(root, 'dist', 'cli', 'main.js'))) return null;
  note('the same pushes on the compiled build, for its memory');
  const program = open.use(compiledProgram());
  const stage = open.use(await Stage.open({}, program.path));
  const arena = await Arena.open(stage);
  for (let run = 0; run < options.runs; run++) {
    const page = freshPage();
    await arena.write(page);
    await arena.push(page);
  }
  return memoryAtRest(stage, options);
}

/** What is opened is put on `open`, whose owner ends it. */
async function bench(options: Options, open: AsyncDisposableStack, machine: Machine): Promise<Summary> {
  const stage = open.use(await Stage.open());
  const measured = await measure(stage, options, open);
  const source = await memoryAtRest(stage, options);
  const compiled = options.isCompiledToo ? await compiledMemory(options, open) : null;
  return summarize({
    ...measured,
    wanted: options.runs,
    memory: { source, compiled, restMs: options.isRested ? restMs : 0 },
    machine,
    beside: { packages: measured.packages, glue: standIn },
  });
}

await using open = new AsyncDisposableStack();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.once(signal, () => void open.disposeAsync().finally(() => process.exit(1)));
try {
  const options = parseOptions(process.argv.slice(2));
  const { figures, table, page, isMet } = await bench(options, open, machineNow());
  const json = { ...figures, void: page.void, isMet, charts: page.charts, markdown: markdownOf(page) };
  process.stdout.write(options.isJson ? `${JSON.stringify(json)}\n` : `${table}\n`);
  process.exitCode = options.isStrict && !isMet ? 1 : 0;
} catch (error) {
  note(`the journey could not be measured: ${(error as Error).message}`);
  process.exitCode = 1;
}
