// How a project's tests are run: by the runner that its `test` script names, with the script's own words where they are plain, or
// the runner that it depends on or that its files are written for. Our reporters and coverage take the place of its own.
import type { Project } from './node-project.ts';

export type TestPlan = {
  runner: 'vitest' | 'jest' | 'mocha' | 'tap' | 'node' | 'script';
  /** What the script says beyond the runner's name. */
  argv: string[];
  /** Scripts of package.json that run first. */
  before: string[];
  coverage: boolean;
  /** The script that nobody knows, for people. */
  script?: string;
};

const pattern: Readonly<Record<Exclude<TestPlan['runner'], 'script'>, RegExp>> = {
  vitest: /^(?:npx )?vitest(?: run| watch)?(?= |$)/,
  jest: /^(?:npx )?jest(?= |$)/,
  mocha: /^(?:npx )?mocha(?= |$)/,
  tap: /^(?:npx )?tap(?: run)?(?= |$)/,
  node: /^node(?= )(?=.* --test(?: |$))/,
};

/** Options whose place ours take, with their values. */
const replaced =
  /^--?(?:reporters?|outputFile|coverage[\w.-]*|collectCoverage\w*|watch\w*|w|ui|open|test-reporter\w*(?:-destination)?|experimental-test-coverage|test-coverage-[\w-]+|ci|run|test|passWithNoTests|R)(?:=.*)?$/;
const withValue = /^--?(?:reporters?|outputFile|R|test-reporter(?:-destination)?|coverageDirectory|coverageReporters)$/;

/** null: nothing says how to test it. */
export function testPlan({ scripts, packages }: Project, paths: readonly string[]): TestPlan | null {
  const isReal = scripts.test !== undefined && !/no test specified/.test(scripts.test);
  const before = isReal && scripts.pretest !== undefined ? ['pretest'] : [];
  const coverage = packages.has('@vitest/coverage-v8') || packages.has('@vitest/coverage-istanbul');
  if (isReal) {
    // The script itself, or the one of its kind that it names.
    const others = Object.entries(scripts).filter(
      ([name]) => /^test:|^unit$/.test(name) && scripts.test!.includes(name),
    );
    for (const line of [scripts.test!, ...others.map(([, text]) => text)]) {
      const found = named(line);
      if (found) return { ...found, before, coverage };
    }
  }
  const known = (['vitest', 'jest', 'mocha', 'tap'] as const).find((one) => packages.has(one));
  const mentions = (one: string) => new RegExp(`\\b${one}\\b`).test(scripts.test ?? one);
  if (known !== undefined && mentions(known)) return { runner: known, argv: [], before, coverage };
  if (isReal && /\bnode\b.* --test\b/.test(scripts.test!)) return { runner: 'node', argv: [], before, coverage: true };
  if (isReal) return { runner: 'script', argv: [], before: [], coverage: false, script: scripts.test! };
  const ours = paths.some((path) => /(?:^|\/)[^/]+[.-]test\.[cm]?js$|(?:^|\/)test\/[^/]+\.[cm]?js$/.test(path));
  return ours ? { runner: 'node', argv: [], before: [], coverage: true } : null;
}

/** A line that only calls a runner that is known, with plain words. */
function named(line: string): Pick<TestPlan, 'runner' | 'argv'> | null {
  const said = wordsOf(line.replace(/^(?:cross-env )?(?:[A-Z_]+=[\w.-]+ )+/, ''));
  if (said === null) return null;
  const words = withoutMeasuring(said);
  const text = words.join(' ');
  for (const [runner, start] of Object.entries(pattern) as [Exclude<TestPlan['runner'], 'script'>, RegExp][]) {
    const match = start.exec(text);
    if (match) return { runner, argv: kept(words.slice(match[0].split(' ').length)) };
  }
  return null;
}

/** `c8 --all mocha spec` calls mocha, under a coverage that ours takes the place of. */
function withoutMeasuring(words: readonly string[]): readonly string[] {
  const at = words[0] === 'npx' ? 1 : 0;
  if (words[at] !== 'c8' && words[at] !== 'nyc') return words;
  const from = words.findIndex((word, index) => index > at && /^(?:npx|mocha|tap|node|vitest|jest)$/.test(word));
  return from < 0 ? words : words.slice(from);
}

function kept(words: readonly string[]): string[] {
  const left: string[] = [];
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at]!;
    if (!replaced.test(word)) left.push(word);
    else if (withValue.test(word)) at += 1;
  }
  return left;
}

/** The words of a line without anything that only a shell can do; null: there is such a thing. */
function wordsOf(line: string): string[] | null {
  if (/[;&|<>()`$\\\n]/.test(line)) return null;
  const words = [...line.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map((match) => match[1] ?? match[2] ?? match[3]!);
  return words.some((word) => /["']/.test(word)) ? null : words;
}
