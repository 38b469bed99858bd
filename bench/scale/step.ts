// What is asked of a platform that has so many apps.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { now } from '../../scripts/demo/ask.ts';
import { documentIn } from '../../src/lib/list-entries.ts';
import type { Stage } from '../../test/support/stage.ts';
import { type Arena, app } from '../journey/arena.ts';
import { type Memory, memoryOf } from '../journey/memory.ts';
import { type Spread, spreadOf } from '../journey/report.ts';
import { missingOf, stagesOf } from '../journey/stages.ts';
import { freshPage } from '../journey/subject.ts';
import { noiseNow } from '../support/machine.ts';

export type Step = {
  apps: number;
  /** Of them, how many have a release and an instance. */
  running: number;
  pushToLive: Spread;
  ownShare: Spread;
  switch: Spread;
  list: Spread;
  listAll: Spread;
  status: Spread;
  memory: Memory;
  /** The whole of what control tells the agent; of a change, only the apps that it changes are sent. */
  documentBytes: number;
  noise: number[];
  /** Why it does not count. */
  wrong: string[];
};

const asks = 40;

export async function measureStep(
  arena: Arena,
  counts: { apps: number; running: number },
  { pushes, restMs }: { pushes: number; restMs: number },
): Promise<Step> {
  const { stage } = arena;
  const noise: number[] = [];
  const wrong: string[] = [];
  const times = { pushToLive: [] as number[], ownShare: [] as number[], switch: [] as number[] };
  for (let at = 0; at <= pushes; at += 1) {
    if (at > 0) noise.push(await noiseNow());
    const page = freshPage();
    await arena.write(page);
    const lived = await arena.push(page);
    // The first warms caches.
    if (at === 0) continue;
    wrong.push(...missingOf(lived.change));
    times.pushToLive.push(lived.firstByteAt - lived.startedAt);
    times.ownShare.push(stagesOf(lived.change, lived.startedAt, lived.firstByteAt).ownMs);
    times.switch.push(lived.change.moments.switched! - lived.change.moments.advanced!);
  }
  const list = await timesOf(() => insist(stage, '/apps'));
  const status = await timesOf(() => insist(stage, `/apps/${app}/status`));
  const listAll = await timesOf(() => everyPage(stage), 10);
  // Memory is that of a platform at rest: what its last work left is collected after ten to twenty seconds.
  await sleep(restMs);
  noise.push(await noiseNow());
  return {
    ...counts,
    pushToLive: spreadOf(times.pushToLive)!,
    ownShare: spreadOf(times.ownShare)!,
    switch: spreadOf(times.switch)!,
    list,
    listAll,
    status,
    memory: memoryOf(stage),
    documentBytes: Buffer.byteLength(
      JSON.stringify(documentIn(readFileSync(join(stage.home, 'agent', 'desired.json'), 'utf8'), 'apps')),
    ),
    noise,
    wrong: [...new Set(wrong)],
  };
}

async function timesOf(ask: () => Promise<unknown>, count = asks): Promise<Spread> {
  const times: number[] = [];
  for (let at = -3; at < count; at += 1) {
    const startedAt = now();
    await ask();
    if (at >= 0) times.push(now() - startedAt);
  }
  return spreadOf(times)!;
}

async function insist(stage: Stage, path: string) {
  const { status, body } = await stage.api(path);
  if (status !== 200) throw new Error(`${path} was answered with ${status}: ${JSON.stringify(body)}`);
  return body;
}

async function everyPage(stage: Stage): Promise<void> {
  for (let next: string | null = ''; next !== null; )
    next = (await insist(stage, `/apps?limit=200${next === '' ? '' : `&cursor=${encodeURIComponent(next)}`}`)).next;
}

/** Megabytes that are free on this machine. */
export function freeMemoryMB(): number {
  return Number(/^MemAvailable:\s+(\d+)/m.exec(readFileSync('/proc/meminfo', 'latin1'))![1]) / 1024;
}
