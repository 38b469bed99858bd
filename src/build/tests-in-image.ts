// What an app's tests run in and with, where the app is an image: the candidate's own image, or the stage of its Dockerfile that is for tests;
// what the checks need, as an image beside it; and the commit's tests, which an image often leaves out.
import { createHash } from 'node:crypto';
import type { AppId } from '../domain/ids.ts';
import type { LayerRecipe } from '../domain/plan.ts';
import { writeGate } from './dockerfile/gate.ts';
import type { DockerfileFacts } from './dockerfile/read-dockerfile.ts';
import type { ImageMaking } from './image-plan.ts';
import type { TreeView } from './tree-view.ts';

const mostTests = 2000;
const mostInputBytes = 16 * 1024 * 1024;

export type ForTests = {
  /** The stage of the Dockerfile in which it tests; null: the image itself. */
  stage: ImageMaking | null;
  /**
   * What the checks need beside it. The same for every commit that says the same of what to install, as long as what the image stands on is the same.
   * @param layers of the image that the tests run in: all but its last one is what it stands on
   */
  tools(layers: readonly string[]): ImageMaking;
  /** Which Python the tests run with, where the image has more than one: what is there first. */
  pythons: readonly string[];
  /** Paths of the commit's tests, and of what says how they run. */
  files: readonly string[];
};

export type ForTestsAsked = {
  appId: AppId;
  view: TreeView;
  recipe: LayerRecipe;
  facts: DockerfileFacts;
  stage: ImageMaking | null;
  /** Of the image that the tests run in. */
  imageKey: string;
  /** @param of everything besides the text that makes it another image */
  toolsOf(dockerfile: string, inputs: ReadonlySet<string>, of: object): ImageMaking;
};

/** @throws bad-config for a file that a Dockerfile cannot name */
export async function testsInImage(asked: ForTestsAsked): Promise<ForTests> {
  const { appId, view, recipe, facts, stage, imageKey } = asked;
  const text = writeGate({ appId, imageKey, facts, recipe });
  const inputs: [string, string | null][] = [];
  for (const path of recipe.inputs) {
    const bytes = await view.read(path, mostInputBytes);
    // One too large to be looked at makes the tools those of this image alone.
    inputs.push([path, bytes === null ? imageKey : createHash('sha256').update(bytes).digest('hex')]);
  }
  const tests = view.list().filter(({ path, mode }) => mode.startsWith('100') && isOfTests(path));
  const started = facts.entrypoint ?? facts.command;
  const program = started?.form === 'exec' ? (started.argv[0] ?? '') : '';
  const beside = /^\/[\w./-]+$/.test(program) ? [`${program.slice(0, program.lastIndexOf('/'))}/python3`] : [];
  return {
    stage,
    tools: (layers) => asked.toolsOf(text, new Set(recipe.inputs), { inputs, standsOn: layers.slice(0, -1) }),
    pythons: [...beside, 'python3', 'python'],
    files: tests.slice(0, mostTests).map(({ path }) => path),
  };
}

/** Tests of the commit, and what says how they run: an image often leaves them out. */
export const isOfTests = (path: string): boolean =>
  /^[\w@%+=:,./-]+$/.test(path) &&
  !path.startsWith('-') &&
  (/(?:^|\/)tests?\//.test(path) ||
    /(?:^|\/)(?:test_[^/]*|[^/]*_test|conftest|tests)\.py$/.test(path) ||
    /^(?:\.?pytest\.ini|pyproject\.toml|setup\.cfg|tox\.ini|\.coveragerc)$/.test(path));
