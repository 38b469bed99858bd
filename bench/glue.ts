// Lockstep beside the script that people use today, the same commits of the same app in the same run: how long until the page is
// live, and how many requests fail meanwhile. The script checks nothing; Lockstep runs the whole gate.
import { join } from 'node:path';
import { type Address, now } from '../scripts/demo/ask.ts';
import { watchFor } from '../scripts/demo/poller.ts';
import type { Page } from '../scripts/demo/timeline.ts';
import { Stage } from '../test/support/stage.ts';
import { type Asked, askedDuring } from './glue/asker.ts';
import { openSite, type Site } from './glue/site.ts';
import { Arena, app } from './journey/arena.ts';
import { openHand } from './journey/hand.ts';
import { barOf, spreadOf } from './journey/report.ts';
import { missingOf } from './journey/stages.ts';
import { freshPage } from './journey/subject.ts';
import { type Machine, machineNow, noiseNow, noiseOf } from './support/machine.ts';
import { insistOn, versionOf } from './support/programs.ts';
import { print, type Report, say } from './support/report.ts';
import { toTheEnd } from './support/to-the-end.ts';
import { wordsOf } from './support/words.ts';

type Side = { liveMs: number[]; requests: number; failed: number; why: string[] };
type Sides = { lockstep: Side; script: Side };

const everyMs = 10;

async function bench(arena: Arena, site: Site, runs: number, noise: number[], wrong: string[]): Promise<Sides> {
  const { stage } = arena;
  const sides: Sides = {
    lockstep: { liveMs: [], requests: 0, failed: 0, why: [] },
    script: { liveMs: [], requests: 0, failed: 0, why: [] },
  };
  const at = {
    lockstep: { port: stage.port, host: `${app}.localhost:${stage.port}`, path: '/' },
    script: { port: site.port, host: 'site.localhost', path: '/' },
  };
  for (let run = 0; run <= runs; run += 1) {
    const page = freshPage();
    await arena.write(page);
    if (run > 0) noise.push(await noiseNow());
    // The first makes both live, and is not counted.
    const count = (side: Side, liveMs: number, asked: Asked) => {
      if (run === 0) return;
      side.liveMs.push(liveMs);
      side.requests += asked.requests;
      side.failed += asked.failed;
      side.why.push(...asked.why.filter((one) => !side.why.includes(one)));
    };
    const asks = (address: Address) => (run > 0 ? { address, everyMs } : null);
    const byScript = await askedDuring(asks(at.script), () => pushToSite(site, arena.work, page, at.script));
    count(sides.script, byScript.result, byScript.asked);
    const byLockstep = await askedDuring(asks(at.lockstep), () => arena.push(page));
    const { startedAt, firstByteAt, change } = byLockstep.result;
    wrong.push(...missingOf(change));
    count(sides.lockstep, firstByteAt - startedAt, byLockstep.asked);
    say(`${run}: script ${Math.round(byScript.result)} ms, Lockstep ${Math.round(firstByteAt - startedAt)} ms`);
  }
  return sides;
}

async function pushToSite(site: Site, work: string, page: Page, address: { port: number; host: string; path: string }) {
  const startedAt = now();
  const seen = watchFor(page, address, AbortSignal.timeout(60_000));
  seen.catch(() => {});
  await site.push(work);
  return (await seen) - startedAt;
}

function summarize(sides: Sides, runs: number, machine: Machine, noise: number[], wrong: string[]): Report {
  const row = (name: string, { liveMs, requests, failed }: Side) => {
    const spread = spreadOf(liveMs);
    return [name, spread?.p50 ?? '-', spread?.p95 ?? '-', spread?.most ?? '-', String(requests), String(failed)];
  };
  return {
    bench: 'glue',
    about: `${runs} commits of the example app, each deployed by a post-receive script (archive, virtualenv and pip, gunicorn on a new port, ${versionOf('nginx', '-v').replace('nginx version: ', '')} reloaded) and by Lockstep, with a page asked for every ${everyMs} ms.`,
    machine,
    void: [...noiseOf(noise), ...new Set(wrong)],
    tables: [
      {
        title: 'push to live, ms',
        columns: ['p50', 'p95', 'most', 'requests meanwhile', 'failed'],
        rows: [row('the script, which checks nothing', sides.script), row('Lockstep, the whole gate', sides.lockstep)],
      },
    ],
    bars: [barOf('requests that failed with Lockstep', sides.lockstep.failed, 0, 'failed')],
    notes: Object.entries(sides).flatMap(([name, { why }]) => (why.length > 0 ? [`${name}: ${why.join('; ')}`] : [])),
    charts: [],
    figures: sides,
  };
}

await toTheEnd('the script', async (open) => {
  const { numbers, mayInstall, told } = wordsOf({ runs: { usual: 8, most: 1000 } });
  const { runs } = numbers;
  const machine = machineNow();
  insistOn({ nginx: 'nginx-light', curl: 'curl' }, mayInstall);
  const stage = open.use(await Stage.open());
  const arena = await Arena.open(stage);
  const page = freshPage();
  await arena.write(page);
  await arena.push(page);
  const hand = await openHand(stage);
  const pip = await stage.run([join(hand.venv, 'bin', 'python'), '-m', 'ensurepip']);
  if (pip.code !== 0) throw new Error(`the virtualenv got no pip: ${pip.stderr}`);
  const site = open.adopt(await openSite(stage, hand.venv), (one) => one.close());
  const noise: number[] = [];
  const wrong: string[] = [];
  const sides = await bench(arena, site, runs, noise, wrong);
  print(summarize(sides, runs, machine, noise, wrong), told);
});
