// How a journey of apps in containers begins: on the suite's own engine, with a Lockstep of its own, which ends with it.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { baseImage, engineTest } from './engine.ts';
import { root, Stage } from './stage.ts';

export type ContainerJourney = { stage: Stage; socket: string; context: TestContext };

/** `env`: what its Lockstep is told besides the engine's socket. */
export function containerJourney(
  name: string,
  body: (given: ContainerJourney) => Promise<void>,
  env: Record<string, string> = {},
): void {
  engineTest(name, { own: true }, async (socket, context) => {
    await using stage = await Stage.open({ LOCKSTEP_ENGINE: socket, ...env });
    await body({ stage, socket, context });
  });
}

/** What makes the guestbook of the examples an app in containers: its files besides. `more`: further lines of its lockstep.yml. */
export async function guestbookInImages(more = ''): Promise<Record<string, string>> {
  // The base image that is there, and not the one that the example would get.
  const python = /\d+\.\d+/.exec(await baseImage('python'))![0];
  const yml = readFileSync(join(root, 'examples', 'flask-guestbook', 'lockstep.yml'), 'utf8');
  return { '.python-version': `${python}\n`, 'lockstep.yml': `${yml}runtime: docker\n${more}` };
}
