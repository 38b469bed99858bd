// What the tests of an app's parts run in and with, where the app is an image: the candidate's own image, or the stage of its Dockerfile that
// is for tests, or that builds; where in it the part lies; what the checks need, as an image beside it; and the commit's tests, which an image
// often leaves out. A part that is in no stage, as far as its words say, is tested on the machine, and the push says so.
import { createHash } from 'node:crypto';
import { installingPart } from '../config/readers/package-json.ts';
import type { AppId } from '../domain/ids.ts';
import type { LayerRecipe, Plan } from '../domain/plan.ts';
import { type Pinned, writeGate } from './dockerfile/gate.ts';
import { earlyScripts } from './dockerfile/node.ts';
import { placeOf } from './dockerfile/part-place.ts';
import { chainOf, type DockerfileFacts, type Stage } from './dockerfile/read-dockerfile.ts';
import { baseOf, isBare, stageForTests } from './dockerfile/test-stage.ts';
import type { ImageMaking } from './image-making.ts';
import { buildScripts, readManifest } from './node-layers.ts';
import { type PartOfTree, partRecipes } from './part-layers.ts';
import type { TreeView } from './tree-view.ts';

const mostTests = 2000;
const mostInputBytes = 16 * 1024 * 1024;

export type ForTests = {
  /** The stage of the Dockerfile in which it tests; null: the image itself. */
  stage: ImageMaking | null;
  /** Where the part lies in it; null: in the folder that the image begins in. */
  folder: string | null;
  /**
   * What the checks need beside it; null: nothing. The same for every commit that says the same of what to install, as long as what the image stands on is the same.
   * @param layers of the image that the tests run in: all but its last one is what it stands on
   * @param pinned tools of Lockstep's own that a check wants besides, as lines of requirements, by name
   * @param isOfItself installed in the image, and not in what that began with
   */
  tools: ((layers: readonly string[], pinned?: Pinned, isOfItself?: boolean) => ImageMaking) | null;
  /** What its tools and `programs` are of; null: nothing is brought, and nothing of the app's is started. */
  language: string | null;
  /** Programs of the image that run its tests: what is there first. */
  programs: readonly string[];
  /** Paths of the commit's tests, and of what says how they run. */
  files: readonly string[];
};

/** A part with requirements, as if its folder were the whole. `isApp`: what the image is for. */
export type TestedPart = { part: PartOfTree; view: TreeView; recipe: LayerRecipe; isApp?: true };

/** The app's own, and every other part that requires something. */
export async function testedParts(
  plan: Plan,
  view: TreeView,
  parts: readonly PartOfTree[],
  notes: string[],
): Promise<TestedPart[]> {
  const { gateLayer: recipe } = plan;
  const part = { language: recipe?.interpreter.kind ?? 'none', root: '' };
  const own: TestedPart[] = recipe ? [{ part, view, recipe, isApp: true }] : [];
  return [...own, ...(await partRecipes(plan, view, parts, notes))];
}

export type ForTestsAsked = {
  appId: AppId;
  /** Of the whole tree. */
  view: TreeView;
  facts: DockerfileFacts;
  /** Of the image that serves. */
  imageKey: string;
  /** An image of the tree, up to this stage. */
  stageOf(name: string): ImageMaking;
  /**
   * @param of everything besides the text that makes it another image
   * @param knownAs of two texts with the same one either image will do
   */
  toolsOf(dockerfile: string, inputs: ReadonlySet<string>, of: object, knownAs?: string): ImageMaking;
};

type Language = {
  /** Beside what the container starts with, if that is named by its whole path. */
  programs: readonly string[];
  /** Paths, as the part has them, of its tests, and last of what says how they run. */
  tests: readonly RegExp[];
  /** Whether all sources come along, since the image may hold only what was made of them. */
  needsSources(view: TreeView): Promise<boolean>;
};

/** A new language is one more line. */
const languages: Readonly<Record<string, Language>> = {
  python: {
    programs: ['python3', 'python'],
    tests: [
      /(?:^|\/)tests?\//,
      /(?:^|\/)(?:test_[^/]*|[^/]*_test|conftest|tests)\.py$/,
      /^(?:\.?pytest\.ini|pyproject\.toml|setup\.cfg|tox\.ini|\.coveragerc)$/,
    ],
    needsSources: async () => false,
  },
  node: {
    programs: ['node', 'nodejs'],
    tests: [
      /(?:^|\/)(?:tests?|__tests__|__mocks__|__fixtures__|spec|fixtures)\//,
      /(?:^|[./_-])(?:test|spec)\.[cm]?[jt]sx?$/,
      /^(?:package\.json|\.mocharc\.[a-z]+|\.taprc|\.babelrc(?:\.[a-z]+)?|tsconfig[^/]*\.json|(?:(?:jest|vite|vitest|babel|test)[\w.-]*\.(?:config|setup)|(?:jest|vitest|test)[.-]setup)\.[cm]?[jt]sx?(?:on)?)$/,
    ],
    async needsSources(view) {
      const manifest = await readManifest(view);
      return manifest !== null && buildScripts(manifest).length > 0;
    },
  },
};

/** @returns null: on the machine, and there is nothing to say of it @throws bad-config for a file that a Dockerfile cannot name */
export async function testsInImage(
  asked: ForTestsAsked,
  { part, view, recipe, isApp }: TestedPart,
): Promise<ForTests | { outside: string; hasTests: boolean } | null> {
  const { appId, facts } = asked;
  const language = languages[part.language];
  if (language === undefined) return null;
  const paths = asked.view.list().filter(({ path, mode }) => mode.startsWith('100') && isPlain(path));
  const ours = paths.map(({ path }) => path).filter((path) => path.startsWith(part.root));
  const inside = (path: string): string => path.slice(part.root.length);
  const tests = ours.filter((path) => isOfTests(part.language, inside(path)));
  const isTop = part.root === '';
  const last = facts.stages.at(-1)!;
  // An app of Python has its Python in what serves, whatever that began with; without a shell nothing can be tested in it.
  const isServed =
    isApp && part.language === 'python' && facts.testStage === null && !isBare(baseOf(facts.stages, last));
  const stage = isServed ? last : stageForTests(facts, part.language);
  const hasTests = tests.some((path) => language.tests.slice(0, -1).some((one) => one.test(inside(path))));
  const outside = (why: string) => ({ outside: why, hasTests });
  if (stage === null) return outside(`no stage of the Dockerfile is known to hold ${part.language}`);
  const all = new Set(paths.map(({ path }) => path));
  const folder = isServed ? null : placeOf(facts, stage, part.root, (path) => all.has(path));
  if (!isTop && folder === null) return outside(`the Dockerfile does not say where ${part.root} lies`);
  const made = stage === last ? null : asked.stageOf(stage.name!);
  const imageKey = made?.spec.key ?? asked.imageKey;
  const early = recipe.installer.tool === 'node' ? await earlyScripts(view) : [];
  const text = (pinned: Pinned, isOfItself: boolean, from = imageKey): string =>
    writeGate({ appId, imageKey: from, facts, stage, recipe, root: part.root, early, pinned, isOfItself });
  const inputs = await digestsOf(view, recipe.inputs, imageKey);
  const names = new Set(recipe.inputs.map((path) => part.root + path));
  const files = (await language.needsSources(view)) ? ours.filter((path) => !isForeign(path)) : tests;
  return {
    stage: made,
    folder,
    tools: (layers, pinned = {}, isOfItself = false) => {
      // Of an image that ends with what it copies of the commit, any other will do that has the same below it.
      const knownAs = endsWithCopy(facts, stage) ? text(pinned, isOfItself, 'any of these layers') : undefined;
      return asked.toolsOf(text(pinned, isOfItself), names, { inputs, standsOn: layers.slice(0, -1) }, knownAs);
    },
    language: part.language,
    programs: [...(isTop ? beside(facts, stage === last, language) : []), ...language.programs],
    files: files.slice(0, mostTests),
  };
}

/** What runs is not of the commit then: of `scratch` that could be what is copied, too. */
function endsWithCopy({ stages }: Pick<DockerfileFacts, 'stages'>, stage: Stage): boolean {
  if (baseOf(stages, stage) === 'scratch') return false;
  const steps = chainOf(stages, stage).flatMap(({ instructions }) => instructions);
  const last = steps.findLast(({ name }) => ['RUN', 'COPY', 'ADD'].includes(name));
  return last !== undefined && last.name !== 'RUN' && !/--from\b/.test(last.text);
}

/** Of an image that nobody here knows from within: as it is. */
export const asItIs: ForTests = { stage: null, folder: null, tools: null, language: null, programs: [], files: [] };

/**
 * Where commands of the repository's own run: where the app's tests do, from where the top of the commit lies there; what Lockstep knows no tests of, in
 * the stage for tests or in what serves.
 * @param app the app's own part; null: it has none, or its tests run outside
 */
export function commandsInImage(
  { facts, view, stageOf }: Pick<ForTestsAsked, 'facts' | 'view' | 'stageOf'>,
  app: ForTests | null,
): ForTests | { outside: string } {
  const last = facts.stages.at(-1)!;
  const named = app === null ? facts.testStage : (app.stage?.spec.target ?? null);
  const stage = facts.stages.find(({ name }) => name !== null && name === named) ?? last;
  if (isBare(baseOf(facts.stages, stage))) return { outside: 'what it begins with has no shell' };
  const all = new Set(view.list().map(({ path }) => path));
  const folder = placeOf(facts, stage, '', (path) => all.has(path)) ?? app?.folder ?? null;
  return { ...(app ?? asItIs), stage: app?.stage ?? (stage === last ? null : stageOf(stage.name!)), folder };
}

/** One too large to be looked at makes the tools those of this image alone. */
async function digestsOf(view: TreeView, paths: readonly string[], imageKey: string): Promise<[string, string][]> {
  const found: [string, string][] = [];
  for (const path of paths) {
    const whole = await view.read(path, mostInputBytes);
    // Of package.json only what decides what is installed.
    const isManifest = whole !== null && /(?:^|\/)package\.json$/.test(path);
    const bytes = isManifest ? installingPart(whole.toString('utf8'), path) : whole;
    found.push([path, bytes === null ? imageKey : createHash('sha256').update(bytes).digest('hex')]);
  }
  return found;
}

/** The interpreter in the folder of the program that the container starts with. */
function beside({ entrypoint, command }: DockerfileFacts, isServed: boolean, { programs }: Language): string[] {
  const started = isServed ? (entrypoint ?? command) : null;
  const program =
    started === null ? '' : startedBy(started.form === 'exec' ? started.argv : ['sh', '-c', started.line]);
  return /^\/[\w./-]+$/.test(program) ? [`${program.slice(0, program.lastIndexOf('/'))}/${programs[0]}`] : [];
}

/** Its first word, behind a shell that only begins it: a shell is beside the system's interpreter, which need not be the app's. */
function startedBy([first = '', ...rest]: readonly string[]): string {
  if (!/^(?:\/\S*\/)?(?:ba|da|a)?sh$/.test(first)) return first;
  const line = rest[0] === '-c' ? (rest[1] ?? '') : '';
  return /^\s*(?:exec\s+)?(\S+)/.exec(line)?.[1] ?? '';
}

/** A name that a shell and a Dockerfile take as it is. */
const isPlain = (path: string): boolean => /^[\w@%+=:,./-]+$/.test(path) && !path.startsWith('-');

const isForeign = (path: string): boolean => /(?:^|\/)(?:node_modules|\.git)\//.test(path);

/** Tests of the commit, and what says how they run: an image often leaves them out. */
export const isOfTests = (language: string, path: string): boolean =>
  isPlain(path) && !isForeign(path) && (languages[language]?.tests.some((one) => one.test(path)) ?? false);
