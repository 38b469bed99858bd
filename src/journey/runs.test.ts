import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JobEvent } from '../domain/job.ts';
import { FakeWorld, page } from './fake-world.ts';
import { Runs } from './runs.ts';

test('of an app so many commands run at once, and what they say is bounded', async () => {
  using stage = new FakeWorld();
  const app = await stage.createApp();
  await stage.land(app, await stage.commit(app, page('one'), null), null);
  const runs = new Runs(stage.world);
  const waiting: (() => void)[] = [];
  stage.agent.runJob = async (spec, { onLine }) => {
    for (let line = 0; line < 20; line += 1) onLine?.('x'.repeat(1024 * 1024));
    await new Promise<void>((resolve) => waiting.push(resolve));
    return { id: spec.id, exitCode: 0, endedBy: 'exit' } as never;
  };
  const ids = Array.from({ length: 10 }, () => runs.start(stage.app(), ['true']).id);
  assert.throws(() => runs.start(stage.app(), ['true']), { code: 'busy' });
  for (const go of waiting) go();
  const events: JobEvent[] = [];
  for await (const event of runs.follow(stage.app(), ids[0]!, AbortSignal.timeout(10_000))) events.push(event);
  assert.ok(events.length < 15);
  assert.match(JSON.stringify(events.at(-2)), /the rest of the output is not kept/);
  assert.ok('result' in events.at(-1)!);
  assert.ok(runs.start(stage.app(), ['true']).id);
});
