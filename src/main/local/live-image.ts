// What is live as something to start: its image brought here, and its start as the server says it. No tree is needed for that.
import { fail } from '../../domain/errors.ts';
import type { Digest } from '../../domain/ids.ts';
import type { LiveFacts } from '../../domain/live.ts';
import type { Plan } from '../../domain/plan.ts';
import { keepNewest, nameImage } from './own-images.ts';
import type { LocalPlace } from './place.ts';
import type { Startable } from './start.ts';
import { type LiveSource, takeLive } from './take-live.ts';

/** @throws bad-request when it is no image; as `takeLive` */
export async function startableOfLive(
  place: LocalPlace,
  live: LiveFacts,
  source: LiveSource,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<Omit<Startable, 'app' | 'config'>> {
  const { image, release, appId } = live;
  if (image === null) throw fail('bad-request', `${live.app} is no image`);
  const name = release.version === null ? 'what is live' : `v${release.version}`;
  const ways = { there: 'it is here already', pulled: 'from its registry', fetched: 'from the server' };
  const way = await takeLive(place, appId, image, source, say, signal);
  if (way !== 'there') await nameImage(place.engine, appId, image.id);
  await keepNewest(place.engine, appId, image.id);
  say(`the very image that is live (${name}): ${image.id}, ${ways[way]}`);
  const { id, ports, hasOwnCommand, isGenerated } = image;
  return {
    artifact: {
      ...{ digest: image.id as string as Digest, treeId: release.tree, layerKey: null, gateLayerKey: null },
      ...{ image: { id, ports, hasOwnCommand, isGenerated }, plan: planOf(live) },
    },
    commit: release.commit,
    label: release.version === null ? 'live' : `v${release.version}`,
  };
}

/** As much of a plan as a start reads. */
function planOf({ start, image }: LiveFacts): Plan {
  const { command, env, limits, volumes, health } = start;
  return {
    ...{ detector: 'live', why: 'the server says it', alternatives: [], notes: [], gateLayer: null, testEnv: {} },
    layer: { interpreter: { kind: 'none' }, inputs: [], extras: [], installer: { tool: 'none' } },
    image: { written: null, testTarget: null, isUncached: false, pulled: image?.pulled ?? null },
    processes: { web: { command, env: {} } },
    ...{ releaseCommand: null, env, limits, volumes, health },
  };
}
