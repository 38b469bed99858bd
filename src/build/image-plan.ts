// The plan of an app that runs in a container, and by it which image: the tree's own Dockerfile, one that Lockstep writes, or one of a
// registry. Nothing in it is of the machine. How the image is made of a tree is in `image-work.ts`.
import { fail, isFailure } from '../domain/errors.ts';
import type { Finding } from '../domain/gate.ts';
import type { AppId } from '../domain/ids.ts';
import type { ImageRecipe } from '../domain/image.ts';
import type { Plan, ProcessType } from '../domain/plan.ts';
import { isForEngine } from './decide-runtime.ts';
import type { Detection } from './detectors/detection.ts';
import { buildInputs, unusedInputs } from './dockerfile/build-inputs.ts';
import { writeDockerfile } from './dockerfile/dockerfile.ts';
import { ownDockerfile } from './dockerfile/own-dockerfile.ts';
import { withOwnParts } from './dockerfile/own-parts.ts';
import { readDockerfile } from './dockerfile/read-dockerfile.ts';
import { decidePlan, readProjectConfig } from './plan.ts';
import type { TreeView } from './tree-view.ts';

/** The plan that a deploy would follow where there is an engine: for whoever only wants to read it. @throws bad-config, no-detector */
export async function planAsWritten(view: TreeView, appId: AppId, own: readonly string[]): Promise<Plan> {
  const { lockstepYml } = await readProjectConfig(view);
  return isForEngine(view, lockstepYml) ? decideImagePlan(view, appId, own) : decidePlan(view);
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
