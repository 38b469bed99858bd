// Reads what `go test -json` prints: one event a line. A test is known by its package and name; what ended without a word (a
// panic, a package that does not compile, `os.Exit`) is a failure of its package. Lines of any other form are not events.
// Packages are turned into folders by the modules of the repository, so that a place is a path of the tree.

import { type GoModule, goFolder } from './go-packages.ts';
import type { TestCase } from './junit.ts';
import { treePath } from './tree-path.ts';

const testEventsLimit = 16 * 1024 * 1024;
const mostCases = 100_000;
const nameLength = 300;
const messageLength = 500;
const outputLength = 16 * 1024;

type Event = { Action?: unknown; Package?: unknown; ImportPath?: unknown; Test?: unknown; Output?: unknown };
type Known = { package: string; test: string | null; outcome: TestCase['outcome'] | null; output: string };

export type GoTests = {
  cases: TestCase[];
  /** Packages that failed without a test that did: why, and where. */
  broken: TestCase[];
};

/** null when the text holds no event at all, or is too big. */
export function parseTest2json(source: string, modules: readonly GoModule[]): GoTests | null {
  if (source.length > testEventsLimit) return null;
  const known = new Map<string, Known>();
  /** Of a package that does not compile: its import path may bear the name of its test binary. */
  const builds = new Map<string, string>();
  let isEvents = false;
  for (const line of source.split('\n')) {
    const event = parseEvent(line);
    if (event === null) continue;
    isEvents = true;
    const { Action: action, Output: output } = event;
    const name = text(event.Package ?? event.ImportPath).replace(/ \[.*$/s, '');
    if (name === '') continue;
    if (action === 'build-output') {
      builds.set(name, join(builds.get(name) ?? '', text(output)));
      continue;
    }
    const test = typeof event.Test === 'string' && event.Test !== '' ? event.Test : null;
    const key = `${name}\0${test ?? ''}`;
    if (!known.has(key) && known.size >= mostCases) continue;
    const one = known.get(key) ?? { package: name, test, outcome: null, output: '' };
    if (action === 'output') one.output = join(one.output, text(output));
    else if (action === 'pass') one.outcome = 'passed';
    else if (action === 'skip') one.outcome = 'skipped';
    else if (action === 'fail') one.outcome = 'failed';
    known.set(key, one);
  }
  return isEvents ? fold(known, builds, modules) : null;
}

function fold(
  known: ReadonlyMap<string, Known>,
  builds: ReadonlyMap<string, string>,
  modules: readonly GoModule[],
): GoTests {
  const all = [...known.values()];
  const tests = all.filter(({ test }) => test !== null);
  // A test that began and never ended was running when its package ended: it is the one that did not come back.
  const cases = tests
    .filter((one) => one.outcome !== null || isFailed(known, one.package))
    .filter((one) => !isParentOnly(one, tests))
    .map((one) => asCase(one, one.outcome ?? 'failed', modules));
  const failing = new Set(
    tests.filter(({ outcome }) => outcome !== 'passed' && outcome !== 'skipped').map((one) => one.package),
  );
  const packages = all.filter(({ test, outcome }) => test === null && outcome === 'failed');
  const broken = packages
    .filter((one) => !failing.has(one.package))
    .map((one) => asCase({ ...one, output: join(builds.get(one.package) ?? '', one.output) }, 'failed', modules));
  for (const [name, output] of builds)
    if (!packages.some((one) => one.package === name) && /\.go:\d+:\d+: /.test(output))
      broken.push(asCase({ package: name, test: null, outcome: 'failed', output }, 'failed', modules));
  return { cases, broken };
}

const isFailed = (known: ReadonlyMap<string, Known>, name: string): boolean =>
  known.get(`${name}\0`)?.outcome === 'failed';

/** A failed test of which a part failed: the part says why. */
function isParentOnly(one: Known, tests: readonly Known[]): boolean {
  if (one.outcome !== 'failed' || /\.go:\d+: /.test(one.output)) return false;
  return tests.some(
    ({ package: name, test, outcome }) =>
      name === one.package && outcome === 'failed' && test!.startsWith(`${one.test}/`),
  );
}

function asCase(one: Known, outcome: TestCase['outcome'], modules: readonly GoModule[]): TestCase {
  const folder = goFolder(one.package, modules);
  const { place, message } = outcome === 'failed' ? cause(one.output) : { place: null, message: null };
  const file = place === null || folder === null ? null : inTree(place.file, folder, modules);
  return {
    name: (one.test ?? one.package).slice(0, nameLength),
    outcome,
    file,
    line: file === null ? null : place!.line,
    message,
    seconds: 0,
  };
}

/** The first place that the output names, with the words behind it; a panic's own words go first. */
function cause(output: string): { place: { file: string; line: number } | null; message: string } {
  const lines = output.split('\n').filter((line) => line.length < 4096);
  const places = lines.map((line) =>
    /^\s*((?:[^\s:]{1,300}\/)?[^\s:/]{1,200}\.go):(\d{1,7})(?::\d{1,7})?:? ?(.*)$/.exec(line),
  );
  const panic = lines.find((line) => line.startsWith('panic: '));
  const at =
    panic === undefined
      ? places.find((match) => match !== null)
      : (places.find((match) => match?.[1]?.endsWith('_test.go')) ?? places.find((match) => match !== null));
  const said =
    panic ?? at?.[3] ?? lines.find((line) => !/^(?:=== |--- |\s*$|FAIL|ok\s|# |exit status)/.test(line)) ?? '';
  const line = Number(at?.[2] ?? 0);
  return {
    place: at && line > 0 ? { file: at[1]!, line } : null,
    message: (said.replace(/ \[recovered.*$/, '').trim() || 'failed').slice(0, messageLength),
  };
}

/** `main_test.go` of the package's folder, `./x/main.go` of the module's, or with the module's name before it. */
function inTree(file: string, folder: string, modules: readonly GoModule[]): string | null {
  if (!file.includes('/')) return treePath(`${folder}${file}`);
  const at = file.lastIndexOf('/');
  const named = goFolder(file.slice(0, at), modules);
  if (named !== null) return treePath(`${named}${file.slice(at + 1)}`);
  const module = modules
    .filter((one) => folder.startsWith(one.folder))
    .sort((a, b) => b.folder.length - a.folder.length)[0];
  return treePath(`${module?.folder ?? ''}${file.replace(/^\.\//, '')}`);
}

function parseEvent(line: string): Event | null {
  if (!line.startsWith('{')) return null;
  try {
    const event: unknown = JSON.parse(line);
    const isOne = typeof event === 'object' && event !== null && typeof (event as Event).Action === 'string';
    return isOne ? (event as Event) : null;
  } catch {
    return null;
  }
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const join = (before: string, more: string): string =>
  before.length < outputLength ? before + more.slice(0, outputLength) : before;
