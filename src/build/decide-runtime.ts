// Whether an app runs as a process or in a container. A person's word (`runtime:` in lockstep.yml) goes before the guess; a Dockerfile
// without an engine is an error that says what to install, never an app that runs some other way than its author meant.
import type { LockstepYml } from '../config/readers/lockstep-yml.ts';
import type { EngineLook } from '../domain/engine.ts';
import { fail } from '../domain/errors.ts';
import { readProjectConfig } from './plan.ts';
import { hasFile, type TreeView } from './tree-view.ts';

/** As decided for a tree of which nothing else is known yet. @throws bad-config, no-engine, engine-away (nobody can say now) */
export async function runtimeOf(view: TreeView, engine: () => Promise<EngineLook>): Promise<'process' | 'docker'> {
  // Most trees have neither: nothing is parsed for them.
  if (!hasFile(view, 'Dockerfile') && !hasFile(view, 'lockstep.yml')) return 'process';
  return decideRuntime(view, (await readProjectConfig(view)).lockstepYml, engine);
}

async function decideRuntime(
  view: TreeView,
  { runtime: said, image }: Pick<LockstepYml, 'runtime' | 'image'>,
  engine: () => Promise<EngineLook>,
): Promise<'process' | 'docker'> {
  if (image !== null && said === 'process')
    throw fail('bad-config', 'lockstep.yml: an image does not run as a process of the machine', {
      advice: 'Leave out runtime, or the image.',
    });
  if (!isForEngine(view, { runtime: said, image })) return 'process';
  const look = await engine();
  if (look.state === 'ready') return 'docker';
  const why =
    image !== null
      ? 'the app is an image'
      : said === 'docker'
        ? 'lockstep.yml says runtime: docker'
        : 'the repository has a Dockerfile';
  if (look.state === 'hung') throw fail('engine-away', look.why, { advice: look.advice });
  throw fail('no-engine', `${why}, and there is no container engine: ${look.why}`, {
    advice: `${look.advice} With "runtime: process" in lockstep.yml the app runs without one.`,
  });
}

/** Whether it is to run on a container engine, be there one or not. */
export const isForEngine = (view: TreeView, { runtime, image }: Pick<LockstepYml, 'runtime' | 'image'>): boolean =>
  runtime === 'docker' || (runtime === null && (image !== null || hasFile(view, 'Dockerfile')));
