// Whether an app runs in a container, and in which image: the tree's own Dockerfile, or one that Lockstep writes. A person's word
// (`runtime:` in lockstep.yml) goes before the guess; a Dockerfile without an engine is an error that says what to install, never an app
// that runs some other way than its author meant.
import { createHash } from 'node:crypto';
import type { LockstepYml } from '../config/readers/lockstep-yml.ts';
import type { OutgoingFile } from '../domain/agent.ts';
import type { EngineLook } from '../domain/engine.ts';
import { fail, isFailure } from '../domain/errors.ts';
import type { Finding } from '../domain/gate.ts';
import type { AppId } from '../domain/ids.ts';
import type { ImageRecipe } from '../domain/image.ts';
import type { Plan, ProcessType } from '../domain/plan.ts';
import { contextOf } from './context/context.ts';
import { type Ignores, readIgnore } from './context/ignore.ts';
import type { Detection } from './detectors/detection.ts';
import { buildInputs, registriesOf, unusedInputs } from './dockerfile/build-inputs.ts';
import { withCertificates } from './dockerfile/certificates.ts';
import { writeDockerfile } from './dockerfile/dockerfile.ts';
import { withFreshSteps } from './dockerfile/fresh-steps.ts';
import { withOwnParts } from './dockerfile/own-parts.ts';
import { readDockerfile } from './dockerfile/read-dockerfile.ts';
import type { GitTree } from './git-tree.ts';
import type { ImageMaking } from './image-making.ts';
import { partId } from './part-layers.ts';
import { decidePlan, readProjectConfig } from './plan.ts';
import { commandsInImage, type ForTests, type ForTestsAsked, type TestedPart, testsInImage } from './tests-in-image.ts';
import { hasFile, readConfigFile, type TreeView } from './tree-view.ts';

const deadlineMs = 15 * 60_000;
const dockerfileBytes = 256 * 1024;

/** @throws bad-config, no-engine, engine-away (nobody can say now) */
export async function decideRuntime(
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

/** The plan that a deploy would follow where there is an engine: for whoever only wants to read it. @throws bad-config, no-detector */
export async function planAsWritten(view: TreeView, appId: AppId, own: readonly string[]): Promise<Plan> {
  const { lockstepYml } = await readProjectConfig(view);
  return isForEngine(view, lockstepYml) ? decideImagePlan(view, appId, own) : decidePlan(view);
}

/** As decided for a tree of which nothing else is known yet. */
export async function runtimeOf(view: TreeView, engine: () => Promise<EngineLook>): Promise<'process' | 'docker'> {
  // Most trees have neither: nothing is parsed for them.
  if (!hasFile(view, 'Dockerfile') && !hasFile(view, 'lockstep.yml')) return 'process';
  return decideRuntime(view, (await readProjectConfig(view)).lockstepYml, engine);
}

/** @param own by which names the app's own repository is known. @throws bad-config, no-detector, too-large */
export async function decideImagePlan(view: TreeView, appId: AppId, own: readonly string[]): Promise<Plan> {
  const { lockstepYml, procfile, appJson } = await readProjectConfig(view);
  const env = Object.fromEntries(appJson.env.flatMap((one) => (one.value === null ? [] : [[one.name, one.value]])));
  if (lockstepYml.image !== null) {
    const plan = await decidePlan(view, byRegistry(lockstepYml.image));
    const command = lockstepYml.web === null ? null : { shell: lockstepYml.web };
    const recipe = { written: null, testTarget: null, isUncached: false, pulled: lockstepYml.image };
    return inImage(plan, recipe, { command, env, notes: [] });
  }
  const text = await ownDockerfile(view);
  if (text === null) {
    const plan = await decidePlan(view);
    const { text: written, notes } = await writeDockerfile(view, appId);
    const given = { command: null, env, notes: [...notes, ...unusedInputs(lockstepYml.build)] };
    return inImage(plan, { written, testTarget: null, isUncached: false }, given);
  }
  const facts = readDockerfile(text, own, lockstepYml.build.args);
  withOwnParts(facts.text, facts.stages, appId);
  const { inputs, notes: ofInputs } = buildInputs(facts, lockstepYml.build);
  const plan = await decidePlan(view, byDockerfile).catch((error: unknown) => {
    throw isFailure(error, 'no-detector')
      ? fail('internal', 'A Dockerfile was not taken for one', { cause: error })
      : error;
  });
  const hasCommand = facts.command !== null || facts.entrypoint !== null;
  const line = lockstepYml.web ?? (hasCommand ? null : (procfile.find(({ name }) => name === 'web')?.command ?? null));
  const unused = line === null && procfile.some(({ name }) => name === 'web');
  const notes = [
    ...facts.notes.map((note) => `Dockerfile, ${note}`),
    ...facts.advice.filter((one) => !one.isUncached).map((one) => `Dockerfile, line ${one.line}: ${one.text}`),
    ...ofInputs,
    ...(unused ? ['the Dockerfile says what serves: the web line of the Procfile is not used'] : []),
  ];
  const findings = facts.advice
    .filter((one) => one.isUncached)
    .map(({ line, rule, text: message }): Finding => ({ file: 'Dockerfile', line, rule, message }));
  const isUncached = findings.length > 0;
  const recipe = { written: null, testTarget: facts.testStage, isUncached, ...inputs };
  const found = isUncached ? { findings } : {};
  return { ...inImage(plan, recipe, { command: line === null ? null : { shell: line }, env, notes }), ...found };
}

/** Before every detector: what else the tree looks like says only what its checks need. */
const byDockerfile: Detection = {
  ...{ name: 'Dockerfile', rank: 120, why: 'the repository has one', alternatives: [], notes: [] },
  web: { server: 'own', shell: '' },
};

/** The same of an app that is an image: what else is in its repository does not run. */
const byRegistry = (image: string): Detection => ({
  ...{ name: 'image', rank: 130, why: image, alternatives: [], notes: [] },
  web: { server: 'own', shell: '' },
});

/** The same plan, with nothing in it of the machine's. */
function inImage(
  plan: Plan,
  image: ImageRecipe,
  given: { command: ProcessType['command']; env: Plan['env']; notes: readonly string[] },
): Plan {
  const { built: _, ...rest } = plan;
  return {
    ...rest,
    image,
    env: given.env,
    processes: { ...plan.processes, web: { command: given.command, env: {} } },
    notes: [...plan.notes, ...given.notes],
  };
}

/** null: there is none. @throws bad-config for a link, too-large */
async function ownDockerfile(view: TreeView): Promise<string | null> {
  const file = view.list().find(({ path }) => path === 'Dockerfile');
  if (file === undefined) return null;
  if (!file.mode.startsWith('100'))
    throw fail('bad-config', 'Dockerfile: it is a link; it is read from a plain file only', {
      advice: 'Commit the Dockerfile as a plain file.',
    });
  const bytes = await view.read('Dockerfile', dockerfileBytes);
  if (bytes === null)
    throw fail('too-large', `the Dockerfile has more than ${dockerfileBytes} bytes`, {
      advice: 'Put what is long into files.',
    });
  return bytes.toString('utf8');
}

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
  const making = (text: string, left: Ignores, of: object, target: string | null = null): ImageMaking => {
    const body = { form: 2, appId, dockerfile: text, target, ...of };
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
    toolsOf: (text, inputs, of) => making(trusting(text), (path) => !inputs.has(path), of),
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
