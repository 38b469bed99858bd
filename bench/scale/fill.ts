// Makes apps, through the API as anybody would: most are registered and were never pushed to; some are a static site with an
// instance of its own.
import { join } from 'node:path';
import { root, type Stage } from '../../test/support/stage.ts';
import { say } from '../support/report.ts';

const atOnce = 8;
const site = join(root, 'examples', 'static-site');

/** Registers apps until there are `count`, named by their numbers. */
export async function register(stage: Stage, from: number, count: number): Promise<void> {
  const startedAt = performance.now();
  let next = from;
  const worker = async (): Promise<void> => {
    while (next < count) {
      const name = `app-${next++}`;
      const { status, body } = await stage.api('/apps', { method: 'POST', body: { name } });
      if (status !== 201) throw new Error(`${name} was answered with ${status}: ${JSON.stringify(body)}`);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  if (count > from) say(`${count - from} apps registered in ${Math.round(performance.now() - startedAt)} ms`);
}

/** Makes sites that run, numbered from `from`. */
export async function run(stage: Stage, from: number, count: number): Promise<void> {
  for (let at = from; at < count; at += 1) await stage.deploy(await stage.makeApp(`site-${at}`, site));
}
