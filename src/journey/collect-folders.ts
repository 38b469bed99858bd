// Fetches the folders that a job has left and keeps them, each whole or not at all. A limit or a folder that is not there is
// said and harms nothing; an agent that goes away meanwhile is waited for, as a job's result is.
import { setTimeout as pause } from 'node:timers/promises';
import type { App } from '../domain/app.ts';
import type { Kept, LeftOut } from '../domain/collected.ts';
import { isFailure } from '../domain/errors.ts';
import type { JobId } from '../domain/ids.ts';
import { docsName } from '../published/sites.ts';
import type { World } from './world.ts';

const awayLimitMs = 15_000;
const mostTries = 20;

/** By name. @throws agent-away when it stays away; disk-full */
export async function collectFolders(
  world: Pick<World, 'agent' | 'shelf'>,
  app: Pick<App, 'id'>,
  job: JobId,
  folders: Readonly<Record<string, string>>,
): Promise<Record<string, Kept>> {
  const kept: Record<string, Kept> = {};
  for (const [name, folder] of Object.entries(folders)) kept[name] = await collectOne(world, app, job, name, folder);
  return kept;
}

async function collectOne(
  { agent, shelf }: Pick<World, 'agent' | 'shelf'>,
  app: Pick<App, 'id'>,
  job: JobId,
  name: string,
  folder: string,
): Promise<Kept> {
  const beganMs = performance.now();
  const none = (problem: string): Kept => ({ digest: null, files: 0, bytes: 0, problem, warnings: [] });
  for (let tries = 1; ; tries += 1) {
    try {
      const { files, leftOut } = await agent.collected(job, name);
      const { hasIndex, ...packed } = await shelf.put(app.id, files);
      if (packed.files === 0) return none(`the folder ${folder} is empty`);
      if (name === docsName && !hasIndex) return none(`${folder} holds no index.html`);
      return { ...packed, problem: null, warnings: warningsOf(name, leftOut) };
    } catch (error) {
      if (isFailure(error, 'not-found')) return none(`it wrote no folder ${folder}`);
      if (isFailure(error, 'too-large', 'tree-refused')) return none(error.message);
      const isOver = tries >= mostTries || performance.now() - beganMs > awayLimitMs;
      if (!isFailure(error, 'agent-away') || isOver) throw error;
      await pause(Math.min(1000, 50 * tries));
    }
  }
}

function warningsOf(name: string, { count, shown }: LeftOut): string[] {
  if (count === 0) return [];
  const more = count > shown.length ? `; and ${count - shown.length} more` : '';
  return [`of its ${name} ${count} ${count === 1 ? 'entry is' : 'entries are'} left out: ${shown.join('; ')}${more}`];
}
