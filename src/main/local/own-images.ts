// What is built on a developer's machine has names of its own, beside the labels that make it the same image as a server's: by these names it is
// found, and removed when newer ones have come. An engine that a server uses as well keeps what that one has named.
import { z } from 'zod';
import type { Engine } from '../../agent/engine/engine.ts';
import type { AppId, ImageId } from '../../domain/ids.ts';

/** So many of an app's are kept: going back and forth between two states builds nothing. */
const kept = 3;

const listed = z.array(z.object({ Id: z.string(), Created: z.number(), RepoTags: z.array(z.string()).nullish() }));

const repositoryOf = (app: AppId): string => `lockstep-local/${app.toLowerCase()}`;

export const localTag = (app: AppId, key: string): string => `${repositoryOf(app)}:${key}`;

/** Gives an image that came from elsewhere such a name, or whoever tidies the engine up takes it. */
export async function nameImage(engine: Engine, app: AppId, id: ImageId): Promise<void> {
  await engine.ask('POST', `/images/${id}/tag?repo=${repositoryOf(app)}&tag=${id.slice('sha256:'.length)}`);
}

/** Takes our names from all but the newest of an app, and this one. What nobody else names is removed by the engine, unless it is in use. */
export async function keepNewest(engine: Engine, app: AppId, present: ImageId): Promise<void> {
  const filters = encodeURIComponent(JSON.stringify({ reference: [`${repositoryOf(app)}:*`] }));
  const { body } = await engine.ask('GET', `/images/json?filters=${filters}`);
  const all = listed.parse(body).sort((a, b) => b.Created - a.Created);
  const old = all.filter(({ Id }) => Id !== present).slice(kept - 1);
  for (const { RepoTags } of old)
    for (const tag of (RepoTags ?? []).filter((one) => one.startsWith(`${repositoryOf(app)}:`)))
      await engine.ask('DELETE', `/images/${tag}`, { fine: [404, 409] });
}
