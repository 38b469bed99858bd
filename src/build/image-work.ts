// How the image of a plan is built of its tree: the Dockerfile that the builder gets, the key under which it is found again, and
// which of the checks run in it.
import { createHash } from 'node:crypto';
import type { OutgoingFile } from '../domain/agent.ts';
import { fail } from '../domain/errors.ts';
import type { AppId } from '../domain/ids.ts';
import type { ImageRecipe } from '../domain/image.ts';
import { contextOf } from './context/context.ts';
import { type Ignores, readIgnore } from './context/ignore.ts';
import { registriesOf } from './dockerfile/build-inputs.ts';
import { withCertificates } from './dockerfile/certificates.ts';
import { withFreshSteps } from './dockerfile/fresh-steps.ts';
import { ownDockerfile } from './dockerfile/own-dockerfile.ts';
import { withOwnParts } from './dockerfile/own-parts.ts';
import { readDockerfile } from './dockerfile/read-dockerfile.ts';
import type { GitTree } from './git-tree.ts';
import type { ImageMaking } from './image-making.ts';
import { partId } from './part-layers.ts';
import { commandsInImage, type ForTests, type ForTestsAsked, type TestedPart, testsInImage } from './tests-in-image.ts';
import { readConfigFile, type TreeView } from './tree-view.ts';

const deadlineMs = 15 * 60_000;

/**
 * `forTests`: by `partId`; the checks of other parts run outside, and why, where their image could be thought to hold them, is in `outside`; `notes` has the
 * same of tests, for people. `forCommands`: of the repository's own; a text: why not.
 */
export type ImageWork = ImageMaking & {
  forTests: Readonly<Record<string, ForTests>>;
  forCommands: ForTests | string;
  outside: Readonly<Record<string, string>>;
  notes: readonly string[];
};

type Tree = Pick<GitTree, 'id' | 'view'> & { files(): AsyncIterable<OutgoingFile> };

/**
 * How the image of a plan is built of its tree.
 * @param nonce for what is not to be found again
 * @param isTrusting the agent gives builds certificates of the installation
 * @throws bad-config
 */
export async function imageWork(
  appId: AppId,
  tree: Tree,
  { image: recipe, parts }: { image: ImageRecipe; parts: readonly TestedPart[] },
  own: readonly string[],
  nonce: string,
  isTrusting = false,
): Promise<ImageWork> {
  const { buildArgs = {}, secrets = [] } = recipe;
  const trusting = (written: string): string => (isTrusting ? withCertificates(written) : written);
  const text = recipe.written !== null ? trusting(recipe.written) : await ownText(tree.view, appId, own, buildArgs);
  const facts = readDockerfile(text, own, buildArgs);
  const fetching = recipe.isUncached ? facts.advice.filter((one) => one.isUncached).map(({ line }) => line) : [];
  const dockerfile = withFreshSteps(text, fetching, nonce);
  const asks = { secrets, registries: registriesOf(facts) };
  const ignores = readIgnore((await readConfigFile(tree.view, '.dockerignore')) ?? '');
  // By its steps; where it was decided otherwise when the plan was made, as a whole.
  const isUncached = recipe.isUncached && fetching.length === 0;
  const making = (
    text: string,
    left: Ignores,
    of: object,
    target: string | null = null,
    knownAs = text,
  ): ImageMaking => {
    const body = { form: 2, appId, dockerfile: knownAs, target, ...of };
    const key = createHash('sha256').update(JSON.stringify(body)).digest('hex');
    const spec = { key, appId, treeId: tree.id, target, buildArgs, isUncached: false, deadlineMs };
    return { spec, asks, context: () => contextOf({ files: tree.files(), ignores: left, dockerfile: text }) };
  };
  const ofTree = { tree: tree.id, ...(recipe.isUncached ? { nonce } : {}) };
  const served = making(dockerfile, ignores, ofTree);
  const image = { ...served, spec: { ...served.spec, isUncached } };
  const asked: ForTestsAsked = {
    ...{ appId, view: tree.view, facts, imageKey: image.spec.key },
    stageOf: (name) => making(dockerfile, ignores, ofTree, name),
    toolsOf: (text, inputs, of, knownAs = text) =>
      making(trusting(text), (path) => !inputs.has(path), of, null, trusting(knownAs)),
  };
  const notes: string[] = [];
  const forTests: Record<string, ForTests> = {};
  const outside: Record<string, string> = {};
  let app: ForTests | null = null;
  for (const one of parts) {
    const found = await testsInImage(asked, one);
    if (found === null) continue;
    if ('outside' in found) {
      outside[partId(one.part)] = found.outside;
      if (found.hasTests)
        notes.push(
          `tests of ${one.part.root || one.part.language} run on the machine, not in the image: ${found.outside}`,
        );
      continue;
    }
    forTests[partId(one.part)] = found;
    if (one.isApp) app = found;
  }
  const commands = commandsInImage(asked, app);
  const forCommands = 'outside' in commands ? commands.outside : commands;
  return { ...image, forTests, forCommands, outside, notes };
}

async function ownText(
  view: TreeView,
  appId: AppId,
  own: readonly string[],
  buildArgs: Readonly<Record<string, string>>,
): Promise<string> {
  const text = await ownDockerfile(view);
  if (text === null) throw fail('bad-config', 'the Dockerfile of the release is not in its tree');
  const facts = readDockerfile(text, own, buildArgs);
  return withOwnParts(facts.text, facts.stages, appId);
}
