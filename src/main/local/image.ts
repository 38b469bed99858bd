// The image of a checkout, as a server makes it: the same plan, the same Dockerfile, the same context straight from git's objects, and the same
// labels when the server is known, since those are a part of an image's id. What a build asks back (secrets, logins) comes from this machine.
import { createHash, randomUUID } from 'node:crypto';
import { withImage } from '../../build/build.ts';
import type { GitTree } from '../../build/git-tree.ts';
import { decideImagePlan } from '../../build/image-plan.ts';
import { type ImageWork, imageWork } from '../../build/image-work.ts';
import type { BuildAnswers } from '../../domain/build-inputs.ts';
import { fail } from '../../domain/errors.ts';
import type { AppId, Digest, NodeId } from '../../domain/ids.ts';
import type { AppName } from '../../domain/names.ts';
import type { Plan, ProcessType } from '../../domain/plan.ts';
import type { ImageLogin, PullSpec } from '../../domain/pull.ts';
import type { Artifact, ImageArtifact } from '../../domain/release.ts';
import { findingLine } from '../../gate/messages.ts';
import { builtBy, type ImageMaker, madeImage, pulledImage } from '../../journey/image.ts';
import { localAppId } from './app.ts';
import type { LocalPlace } from './place.ts';

export type Whose = { appId: AppId; node: NodeId; name: AppName };

/** What this machine knows that a build may ask for. */
export type BuildInputs = {
  /** As whom a registry is asked; the image is named with its host. */
  loginOf(image: string): ImageLogin;
  /** Values of build secrets, by name. */
  secrets: Readonly<Record<string, string>>;
};

/** What is built, and how it was decided. `work` null: it is an image of a registry. */
export type LocalImage = { artifact: Artifact; work: ImageWork | null };

/** @throws bad-config, no-detector, install-failed, engine-away, pull-refused, … */
export async function makeLocalImage(
  place: LocalPlace,
  { appId, node, name }: Whose,
  tree: GitTree,
  inputs: BuildInputs,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<LocalImage> {
  const plan = await decideImagePlan(tree.view, appId, [name]);
  say(`${plan.detector}: ${plan.why}`);
  for (const note of plan.notes) say(`note: ${note}`);
  for (const finding of plan.findings ?? []) say(`note: ${findingLine(finding)}`);
  const recipe = plan.image;
  if (!recipe) throw fail('internal', 'The plan of an image names none');
  const digest = `sha256:${createHash('sha256').update(JSON.stringify(plan)).digest('hex')}` as Digest;
  const bare: Artifact = { digest, treeId: tree.id, layerKey: null, gateLayerKey: null, plan };
  if (recipe.pulled) {
    const image = await pullHere(place, appId, recipe.pulled, plan.processes.web, inputs, say, signal);
    return { artifact: withImage(bare, image), work: null };
  }
  const work = await workOf(place, { appId, node, name }, tree, recipe);
  const answers = answersFrom(inputs, work.asks);
  const images = place.imagesOf(node);
  const make: ImageMaker = (spec, context) => images.make(spec, context, signal);
  const built = await builtBy(make, { ...work, spec: { ...work.spec, answers } }, 'the image', say);
  return { artifact: withImage(bare, madeImage(built, recipe, say)), work };
}

/** Under a name of its own, and only the last one of an app: what a server has pulled on the same engine stays. @throws pull-refused, registry-away, … */
export async function pullHere(
  { pulls }: Pick<LocalPlace, 'pulls'>,
  app: AppId,
  image: string,
  web: Pick<ProcessType, 'command'>,
  { loginOf }: Pick<BuildInputs, 'loginOf'>,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<ImageArtifact> {
  const appId = localAppId(`pulled ${app}`);
  const pull = (spec: PullSpec) => pulls.pull(spec, signal);
  const made = await pulledImage(pull, { appId, image, login: loginOf(image) }, web, say);
  await pulls.collect(appId, new Set([made.id]));
  return made;
}

/** What only its checks need is not made. @throws bad-config */
export const workOf = (
  { network }: Pick<LocalPlace, 'network'>,
  { appId, name }: Whose,
  tree: GitTree,
  image: Plan['image'] & object,
): Promise<ImageWork> =>
  imageWork(appId, tree, { image, parts: [] }, [name], randomUUID(), network.certificates !== null);

/** null: it need not ask. @throws install-failed for a secret that has no value here */
export function answersFrom({ loginOf, secrets }: BuildInputs, asks: ImageWork['asks']): BuildAnswers | null {
  const missing = asks.secrets.filter((name) => !Object.hasOwn(secrets, name));
  if (missing.length > 0)
    throw fail('install-failed', `no value is known here of the build secret ${missing.join(', ')}`, {
      advice: 'Values of the server stay there: give them with --build-secrets FILE (lines NAME=VALUE).',
    });
  const logins = asks.registries.flatMap((host) => {
    const login = loginOf(`${host}/any:any`);
    return login === null ? [] : [[host, login] as const];
  });
  if (asks.secrets.length === 0 && logins.length === 0) return null;
  return {
    secrets: Object.fromEntries(asks.secrets.map((name) => [name, secrets[name]!])),
    logins: Object.fromEntries(logins),
  };
}
