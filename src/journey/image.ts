// The image of a candidate: built by the agent from the tree's own objects, line by line before the pusher's eyes.
import type { ImageWork } from '../build/image-plan.ts';
import { fail } from '../domain/errors.ts';
import { parseImageId } from '../domain/ids.ts';
import type { ImageEvent } from '../domain/image.ts';
import type { Plan } from '../domain/plan.ts';
import type { ImageArtifact } from '../domain/release.ts';
import { safe } from '../gate/messages.ts';
import type { World } from './world.ts';

/** @throws install-failed with the last lines, engine-away, busy, cancelled */
export async function buildImage(
  world: World,
  { spec, context }: ImageWork,
  { image: recipe }: Pick<Plan, 'image'>,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<ImageArtifact> {
  let last: ImageEvent | null = null;
  let isFirst = true;
  for await (const event of world.agent.buildImage(spec, context(), signal)) {
    last = event;
    if (!('line' in event) || event.line.trim() === '') continue;
    if (isFirst) say('building the image');
    isFirst = false;
    say(`  ${safe(event.line.trimEnd())}`);
  }
  if (last && 'built' in last) {
    const { id, ports, hasOwnCommand, wasThere, durationMs } = last.built;
    const imageId = parseImageId(id);
    if (imageId === null) throw fail('internal', 'The agent built an image without an id');
    say(
      wasThere ? `image ${shortId(id)} is there` : `image ${shortId(id)} built in ${(durationMs / 1000).toFixed(1)}s`,
    );
    return { id: imageId, ports, hasOwnCommand, isGenerated: recipe?.written != null };
  }
  const failed = last && 'failed' in last ? last.failed : null;
  if (failed === null) throw fail('engine-away', 'The build of the image ended without a word');
  throw fail('install-failed', `the image could not be built: ${failed.why.slice(0, 600)}`, {
    advice: 'Mend the Dockerfile and push again; the lines above are what the build said.',
    details: { outputTail: failed.outputTail.slice(-30) },
  });
}

/** As docker shows it. */
const shortId = (id: string): string => id.replace(/^sha256:/, '').slice(0, 12);
