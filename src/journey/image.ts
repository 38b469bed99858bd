// The image of a candidate: built by the agent from the tree's own objects, line by line before the pusher's eyes; or pulled by its digest.

import { mayHaveItself, type Pinned, whyNotInstalled } from '../build/dockerfile/gate.ts';
import type { ImageMaking } from '../build/image-making.ts';
import type { ImageWork } from '../build/image-work.ts';
import type { ForTests } from '../build/tests-in-image.ts';
import type { App } from '../domain/app.ts';
import { fail, isFailure } from '../domain/errors.ts';
import { type ImageId, parseImageId } from '../domain/ids.ts';
import type { ImageEvent, ImageSpec } from '../domain/image.ts';
import { parseImageReference } from '../domain/image-reference.ts';
import type { InImage } from '../domain/job.ts';
import type { Plan, ProcessType } from '../domain/plan.ts';
import type { PullEvent, PullSpec } from '../domain/pull.ts';
import type { ImageArtifact } from '../domain/release.ts';
import { safe } from '../gate/messages.ts';
import { answersFor } from './images/build-secrets.ts';
import { loginFor } from './images/registry-logins.ts';
import type { World } from './world.ts';

/** Who builds: an agent, or whoever does what it does. */
export type ImageMaker = (spec: ImageSpec, context: AsyncIterable<Buffer>) => AsyncIterable<ImageEvent>;

/** @throws install-failed with the last lines, engine-away, busy, cancelled */
export async function buildImage(
  world: World,
  app: Pick<App, 'id' | 'teamId'>,
  work: ImageWork,
  { image: recipe }: Pick<Plan, 'image'>,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<ImageArtifact> {
  return madeImage(await built(world, app, work, 'the image', say, signal), recipe, say);
}

/** What was built, as a release names it; said is how long it took. */
export function madeImage(
  { id, imageId, ports, hasOwnCommand, wasThere, durationMs }: Built,
  recipe: Plan['image'],
  say: (line: string) => void,
): ImageArtifact {
  say(wasThere ? `image ${shortId(id)} is there` : `image ${shortId(id)} built in ${(durationMs / 1000).toFixed(1)}s`);
  return { id: imageId, ports, hasOwnCommand, isGenerated: recipe?.written != null };
}

/** Where a job of the gate runs in an image. */
export type TestPlace = { image: ImageId } & Pick<InImage, 'tools' | 'tests' | 'sources' | 'cache'>;

/** What the checks of a part run in and with, of the image that is there; a text: why it cannot hold them. @throws as `buildImage` */
export async function placeForTests(
  world: World,
  app: Pick<App, 'id' | 'teamId'>,
  itself: ImageMaking,
  { forTests, pinned }: { forTests: ForTests; pinned?: Pinned },
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<Pick<TestPlace, 'image' | 'tools'> | string> {
  // Its steps are Lockstep's own: what they say is shown, which is nothing where nothing is installed.
  const isTold = (line: string): boolean => !/^(?:\[|copy \/context|exporting )/.test(line);
  const make = (work: ImageMaking): Promise<Built> =>
    built(world, app, work, 'the image for the tests', say, signal, isTold);
  const tested = made.get((forTests.stage ?? itself).spec) ?? (await make(forTests.stage ?? itself));
  const { tools } = forTests;
  if (tools === null) return { image: tested.imageId };
  const install = async (isOfItself: boolean) => {
    try {
      const { imageId } = await make(tools(tested.layers, pinned, isOfItself));
      return { image: tested.imageId, tools: imageId };
    } catch (error) {
      if (!isFailure(error, 'install-failed')) throw error;
      return whyNotInstalled(error.message);
    }
  };
  const place = await install(false);
  return typeof place === 'string' && mayHaveItself(place) ? install(true) : place;
}

/** What became of a making, for as long as anybody holds it: who needs it next does not ask the agent again. */
const made = new WeakMap<ImageMaking['spec'], Built>();

async function built(
  world: World,
  app: Pick<App, 'id' | 'teamId'>,
  { spec, context, asks }: ImageMaking,
  what: string,
  say: (line: string) => void,
  signal: AbortSignal,
  isTold: (line: string) => boolean = () => true,
): Promise<Built> {
  const make: ImageMaker = (spec, context) => world.agent.buildImage(spec, context, signal);
  const asked = { spec: { ...spec, answers: answersFor(world, app, asks) }, context };
  const one = await builtBy(make, asked, what, say, isTold);
  made.set(spec, one);
  return one;
}

/** @throws as `buildImage` */
export async function builtBy(
  make: ImageMaker,
  { spec, context }: Pick<ImageMaking, 'spec' | 'context'>,
  what: string,
  say: (line: string) => void,
  isTold: (line: string) => boolean = () => true,
): Promise<Built> {
  let last: ImageEvent | null = null;
  let isFirst = true;
  for await (const event of make(spec, context())) {
    last = event;
    if (!('line' in event) || event.line.trim() === '' || !isTold(event.line)) continue;
    if (isFirst) say(`building ${what}`);
    isFirst = false;
    say(`  ${safe(event.line.trimEnd())}`);
  }
  if (last && 'built' in last) {
    const imageId = parseImageId(last.built.id);
    if (imageId === null) throw fail('internal', 'The agent built an image without an id');
    return { ...last.built, imageId };
  }
  const failed = last && 'failed' in last ? last.failed : null;
  if (failed === null) throw fail('engine-away', 'The build of the image ended without a word');
  throw fail('install-failed', `${what} could not be built: ${failed.why.slice(0, 600)}`, {
    advice: 'Mend the Dockerfile and push again; the lines above are what the build said.',
    details: { outputTail: failed.outputTail.slice(-30) },
  });
}

const pullDeadlineMs = 15 * 60_000;
/** Of an image on the disk. */
const mostPulledBytes = 10 * 1024 ** 3;

/** @throws pull-refused, registry-away, no-engine, engine-away, busy, cancelled, bad-config (it says not what to start) */
export async function pullImage(
  world: World,
  app: Pick<App, 'id' | 'teamId'>,
  { image, web }: { image: string; web: ProcessType },
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<ImageArtifact> {
  const login = loginFor(world, app, parseImageReference(image).host);
  const pull = (spec: PullSpec) => world.agent.pullImage(spec, signal);
  return pulledImage(pull, { appId: app.id, image, login }, web, say);
}

/** @param pull how, an agent's or another's. @throws as `pullImage` */
export async function pulledImage(
  pull: (spec: PullSpec) => AsyncIterable<PullEvent>,
  asked: Pick<PullSpec, 'appId' | 'image' | 'login'>,
  web: Pick<ProcessType, 'command'>,
  say: (line: string) => void,
): Promise<ImageArtifact> {
  let last: PullEvent | null = null;
  for await (const event of pull({ ...asked, deadlineMs: pullDeadlineMs, mostBytes: mostPulledBytes })) {
    last = event;
    if ('line' in event) say(`  ${safe(event.line)}`);
  }
  if (last && 'pulled' in last) {
    const { id, ports, hasOwnCommand, wasThere, durationMs, bytes } = last.pulled;
    if (!hasOwnCommand && web.command === null)
      throw fail('bad-config', 'the image does not say what to start', {
        advice: 'Give it a CMD, or say it in lockstep.yml: web: COMMAND',
      });
    const size = `${Math.round(bytes / 1024 ** 2)} MB`;
    say(
      wasThere
        ? `image ${shortId(id)} is there`
        : `image ${shortId(id)} (${size}) pulled in ${(durationMs / 1000).toFixed(1)}s`,
    );
    return { id, ports, hasOwnCommand, isGenerated: false };
  }
  const why = last && 'failed' in last ? last.failed.why : null;
  if (why === null) throw fail('engine-away', 'The pull of the image ended without a word');
  throw fail('pull-refused', `the image could not be pulled: ${why.slice(0, 600)}`, {
    advice: 'Is it there still? For a private one log in: lockstep registry login HOST --username NAME',
  });
}

export type Built = Extract<ImageEvent, { built: unknown }>['built'] & { imageId: ImageId };

/** As docker shows it. */
const shortId = (id: string): string => id.replace(/^sha256:/, '').slice(0, 12);
