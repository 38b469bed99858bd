// A container's beginning and end in the engine, for whoever needs one: an instance, a job, a network that is ready, the filling of a volume.
// What is in it, and whose it is by its labels (`labelsOf`), is in the body that its maker has written. All throw engine-away, and EngineRefusal for
// what the engine refuses. A failpoint is named after who calls these, not after them (`lib/seam.ts`).
import { z } from 'zod';
import type { Engine } from './engine.ts';

const made = z.object({ Id: z.string() });

/** What starts and ends may have to wait for the disk of a busy machine. */
const usualMs = 60_000;

/** Its id. `name`: nobody else's; left out: the engine gives it one. */
export async function makeContainer(
  engine: Engine,
  json: object,
  { name, timeoutMs = usualMs }: { name?: string; timeoutMs?: number } = {},
): Promise<string> {
  const query = name === undefined ? '' : `?name=${name}`;
  const { body } = await engine.ask('POST', `/containers/create${query}`, { json, timeoutMs });
  return made.parse(body).Id;
}

export const startContainer = async (engine: Engine, id: string): Promise<void> =>
  void (await engine.ask('POST', `/containers/${id}/start`, { timeoutMs: usualMs }));

/** With its nameless volumes, whether it runs or not; quiet when it is not there. Whether somebody else removes it, and it is not gone before he has. */
export async function removeContainer(engine: Engine, id: string, timeoutMs = usualMs): Promise<boolean> {
  const { status } = await engine.ask('DELETE', `/containers/${id}?force=1&v=1`, { fine: [404, 409], timeoutMs });
  return status === 409;
}
