// How long after a registry's notification the new image is live, and what it costs those who ask meanwhile: Lockstep's hook beside
// docker-hook's four commands. Each run pushes an image to a real registry for each side; its own notification, byte for byte, is what
// both hear. Usage: npm run bench -- hook [--runs 8] [--install] [--json] [--strict]
import { type Address, now } from '../scripts/demo/ask.ts';
import { watchFor } from '../scripts/demo/poller.ts';
import type { Page } from '../scripts/demo/timeline.ts';
import { freePort, TestRegistry } from '../test/support/registry.ts';
import { Stage } from '../test/support/stage.ts';
import { tinySite } from '../test/support/tiny-site.ts';
import { askedDuring } from './glue/asker.ts';
import { FourCommands } from './hook/four-commands.ts';
import { type Notice, Notices } from './hook/notices.ts';
import { type Figures, type Run, summarize } from './hook/summary.ts';
import { freshPage } from './journey/subject.ts';
import { openEngine } from './support/engine.ts';
import { machineNow, noiseNow } from './support/machine.ts';
import { print, say } from './support/report.ts';
import { toTheEnd } from './support/to-the-end.ts';
import { wordsOf } from './support/words.ts';

const app = 'web';
const repository = 'team/web';
const everyMs = 5;
const liveMs = 60_000;

type Side = { address: Address; hear(notice: Notice): Promise<void>; settle(): Promise<Record<string, number>> };

/** A new page in an image of its own, pushed to the registry. */
type Publish = (page: Page) => Promise<Notice>;

async function oneRun(side: Side, publish: Publish, isAsked: boolean): Promise<Run> {
  const page = freshPage();
  const notice = await publish(page);
  let noticedAt = 0;
  const { result: seenAt, asked } = await askedDuring(isAsked ? { address: side.address, everyMs } : null, async () => {
    noticedAt = now();
    const seen = watchFor(page, side.address, AbortSignal.timeout(liveMs));
    seen.catch(() => {});
    await side.hear(notice);
    return seen;
  });
  const moments = Object.entries(await side.settle()).map(([name, at]) => [name, at - noticedAt]);
  return { liveMs: seenAt - noticedAt, asked, moments: Object.fromEntries(moments) };
}

async function lockstepSide(stage: Stage, image: string): Promise<Side> {
  const made = await stage.lockstep(['create', app, '--image', image]);
  if (made.code !== 0) throw new Error(`the app could not be made: ${made.stderr}`);
  const { url, secret } = JSON.parse((await stage.lockstep(['hooks', 'create', 'bench', '-a', app, '--json'])).stdout);
  return {
    address: { port: stage.port, host: `${app}.localhost:${stage.port}`, path: '/' },
    async hear({ body, type }) {
      const headers = { 'content-type': type, authorization: `Bearer ${secret}` };
      const { status } = await fetch(url, { method: 'POST', body, headers });
      if (status !== 202) throw new Error(`the hook answered ${status}`);
    },
    async settle() {
      await stage.inSync(app);
      const { id } = await stage.lastChange(app);
      const { how, state, moments } = (await stage.api(`/apps/${app}/changes/${id}`)).body;
      if (how !== 'image' || state !== 'landed') throw new Error(`the last change is of ${how}, and ${state}`);
      return moments;
    },
  };
}

async function measure(open: AsyncDisposableStack, runs: number, mayInstall: boolean): Promise<Figures> {
  const machine = machineNow();
  const engine = await openEngine(open, mayInstall);
  const { socket } = engine;
  const stage = open.use(await Stage.open({ LOCKSTEP_ENGINE: socket }));
  const notices = open.use(await Notices.open(repository));
  const registry = open.use(await TestRegistry.start({ port: await freePort(), notify: { url: notices.url } }));
  const image = `${registry.host}/${repository}:latest`;
  const publish: Publish = async (page) => {
    const site = await tinySite(socket, htmlOf(page));
    return notices.of(() => registry.push(socket, site, `${repository}:latest`));
  };
  const lockstep = await lockstepSide(stage, image);
  const four = open.adopt(await FourCommands.open(stage, socket, image), (one) => one.close());
  const commands: Side = { address: four.address, hear: () => four.run(), settle: async () => ({}) };
  const figures: Figures = {
    ...{ machine, engine: engine.version, everyMs, noise: [], lockstep: [], commands: [] },
  };
  for (let run = 0; run <= runs; run += 1) {
    // The first makes both live, and is not counted.
    const isCounted = run > 0;
    if (isCounted) figures.noise.push(await noiseNow());
    const theirs = await oneRun(commands, publish, isCounted);
    const ours = await oneRun(lockstep, publish, isCounted);
    const told = ({ liveMs: ms, asked }: Run) => `${Math.round(ms)} ms, ${asked.failed} of ${asked.requests} failed`;
    say(`${run}: the four commands ${told(theirs)}; Lockstep ${told(ours)}`);
    if (!isCounted) continue;
    figures.commands.push(theirs);
    figures.lockstep.push(ours);
  }
  return figures;
}

const htmlOf = ({ headline, lead }: Page): string =>
  `<html><body><h1>${headline}</h1><p class="lead">${lead}</p></body></html>\n`;

await toTheEnd('the hook', async (open) => {
  const { numbers, mayInstall, told } = wordsOf({ runs: { usual: 8, most: 1000 } });
  print(summarize(await measure(open, numbers.runs, mayInstall)), told);
});
