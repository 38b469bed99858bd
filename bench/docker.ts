// What a push costs when the app is an image: the journey's example built, tested in its image and live in a container, through the
// whole gate. Beside each push, in turns and on trees of their own: the engine's floor, and the checks by hand in containers.
// At the end the same app with a Dockerfile that a person wrote.
// Usage: npm run bench -- docker [--runs 8] [--cold 2] [--own 4] [--install] [--json] [--strict]
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as rest } from 'node:timers/promises';
import { Stage } from '../test/support/stage.ts';
import { EngineFloor } from './docker/floor.ts';
import { HandInContainers } from './docker/hand.ts';
import { type Figures, type OwnRun, type Run, summarize } from './docker/summary.ts';
import { Arena, example } from './journey/arena.ts';
import { missingOf, stagesOf } from './journey/stages.ts';
import { freshPage, newLayerIn } from './journey/subject.ts';
import { openEngine } from './support/engine.ts';
import { machineNow, noiseNow } from './support/machine.ts';
import { print, say } from './support/report.ts';
import { toTheEnd } from './support/to-the-end.ts';
import { wordsOf } from './support/words.ts';

const restMs = 2000;
/** A visitor who asks more often takes time from what is measured: at 5 ms, with the router and the app, a tenth of the machine's. */
const everyMs = 20;

type Sides = { arena: Arena; floor: EngineFloor; hand: HandInContainers };

/** Each side takes a tree that the other two have not built: they share the builder's cache. */
async function oneRun({ arena, floor, hand }: Sides, isCold: boolean): Promise<Run> {
  const fresh = async () => {
    await arena.follow();
    const page = freshPage();
    if (isCold) arena.stage.write(arena.work, newLayerIn(arena.work));
    await arena.write(page);
    return page;
  };
  const floored = await floor.run(arena.work, await fresh());
  await fresh();
  const byHand = await hand.run(arena.work);
  const page = await fresh();
  const { startedAt, firstByteAt, change } = await arena.push(page);
  const wrong = missingOf(change);
  const { stages, beside } = stagesOf(change, startedAt, firstByteAt);
  return { pushToLiveMs: firstByteAt - startedAt, floor: floored, hand: byHand, stages, checks: beside, void: wrong };
}

/** The example as the image that Lockstep writes for it, on the Python of the base image that is there. */
function asImage(base: string): Record<string, string> {
  const yml = readFileSync(join(example, 'lockstep.yml'), 'utf8');
  return { '.python-version': `${/\d+\.\d+/.exec(base)![0]}\n`, 'lockstep.yml': `${yml}runtime: docker\n` };
}

/** As people write one: dependencies first, a shell-form command, all of the commit. */
const written = (base: string): string =>
  `FROM ${base}
WORKDIR /app
ENV PIP_BREAK_SYSTEM_PACKAGES=1
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt gunicorn
COPY . .
CMD exec gunicorn --bind 0.0.0.0:$PORT wsgi:app
`;

/** Pushes of a changed line from then on; the first one builds what the others find. */
async function withOwn(arena: Arena, base: string, count: number): Promise<OwnRun[]> {
  if (count > 0) arena.stage.write(arena.work, { Dockerfile: written(base) });
  const runs: OwnRun[] = [];
  for (let run = 0; run <= count && count > 0; run += 1) {
    const page = freshPage();
    await arena.write(page);
    await rest(restMs);
    const { startedAt, firstByteAt, change } = await arena.push(page);
    say(`${run} own Dockerfile: push to live ${Math.round(firstByteAt - startedAt)} ms`);
    if (run > 0) runs.push({ pushToLiveMs: firstByteAt - startedAt, void: missingOf(change) });
  }
  return runs;
}

async function measure(
  open: AsyncDisposableStack,
  { runs, colds, owns }: { runs: number; colds: number; owns: number },
  mayInstall: boolean,
): Promise<Figures> {
  const machine = machineNow();
  const engine = await openEngine(open, mayInstall);
  const base = await engine.base('python');
  const stage = open.use(await Stage.open({ LOCKSTEP_ENGINE: engine.socket }));
  const arena = await Arena.open(stage, asImage(base), everyMs);
  const page = freshPage();
  await arena.write(page);
  const first = await arena.push(page);
  say(`first push: ${Math.round(first.firstByteAt - first.startedAt)} ms`);
  const written = await stage.lockstep(['dockerfile'], { cwd: arena.work });
  if (written.code !== 0) throw new Error(`no Dockerfile was written: ${written.stderr}`);
  const floor = open.adopt(new EngineFloor(stage, engine.socket, written.stdout, everyMs), (one) => one.close());
  const hand = open.adopt(new HandInContainers(stage, engine.socket, base), (one) => one.close());
  const figures: Figures = {
    machine,
    engine: engine.version,
    everyMs,
    noise: [],
    warm: [],
    cold: [],
    own: [],
    tools: hand.tools,
  };
  for (let run = 0; run <= runs + colds; run += 1) {
    const isCold = run > runs;
    // What is made ready after a push is no cost of what is measured next to it.
    await rest(restMs);
    if (run > 0) figures.noise.push(await noiseNow());
    const one = await oneRun({ arena, floor, hand }, isCold);
    const [live, bare, byHand] = [one.pushToLiveMs, one.floor.totalMs, one.hand.totalMs].map(Math.round);
    const isVoid = one.void.length > 0 ? `, void: ${one.void.join('; ')}` : '';
    say(`${run} ${isCold ? 'cold' : 'warm'}: push to live ${live} ms, floor ${bare} ms, by hand ${byHand} ms${isVoid}`);
    // The first of all builds what the others find in the builder's cache.
    if (run > 0) figures[isCold ? 'cold' : 'warm'].push(one);
  }
  figures.own = await withOwn(arena, base, owns);
  return figures;
}

await toTheEnd('images', async (open) => {
  const { numbers, mayInstall, told } = wordsOf({
    runs: { usual: 8, most: 1000 },
    cold: { usual: 2, least: 0, most: 100 },
    own: { usual: 4, least: 0, most: 100 },
  });
  const counts = { runs: numbers.runs, colds: numbers.cold, owns: numbers.own };
  print(summarize(await measure(open, counts, mayInstall)), told);
});
