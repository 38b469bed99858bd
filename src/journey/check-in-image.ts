// Which checks run in the candidate's image, how they begin there, and what it means when they could not. Where an image cannot hold a check (no shell,
// not the language, not the folder) it runs on the machine, and the push says why.
import { pins, requirementLines } from '../agent/toolchains/pins.ts';
import type { Build } from '../build/build.ts';
import type { Pinned } from '../build/dockerfile/gate.ts';
import { partId } from '../build/part-layers.ts';
import { asItIs, type ForTests } from '../build/tests-in-image.ts';
import { fail } from '../domain/errors.ts';
import type { CheckKind } from '../domain/gate.ts';
import type { JobResult } from '../domain/job.ts';
import type { Check, CheckPlan, GateFacts } from '../gate/check.ts';
import { runnerFiles } from '../gate/checks/runner-files.ts';
import { questionsOf } from '../gate/gate.ts';
import { safe } from '../gate/messages.ts';
import { madeFromReport } from '../gate/reports/made-from.ts';

type WithImage = {
  image: Pick<NonNullable<Build['image']>, 'forTests' | 'forCommands' | 'outside'> | null;
  pulled?: string | null;
};
type Asked = Pick<CheckPlan, 'part' | 'inImage'>;

/** A check that belongs to no language: a command of the repository's own. */
const isOwnCommand = ({ part }: Pick<CheckPlan, 'part'>): boolean => (part?.language ?? 'any') === 'any';

/** What the checks of the plan's part run in and with; null: they run on the machine. */
export function testsOf(plan: Pick<CheckPlan, 'part'>, { image, pulled }: WithImage): ForTests | null {
  if (isOwnCommand(plan)) {
    if (pulled) return asItIs;
    return image === null || typeof image.forCommands === 'string' ? null : image.forCommands;
  }
  return image?.forTests[partId(plan.part!)] ?? null;
}

/** Whether a check runs in the candidate's image. What reads the commit's files alone (style, docstrings) says nothing of it, and does not. */
export const isInImage = (plan: Asked, build: WithImage): boolean =>
  plan.inImage !== undefined && testsOf(plan, build) !== null;

/** Why a check that would run in an image does not; null: it does, there is no image, or nobody can say. */
export function whyOutside(plan: Asked, build: WithImage): string | null {
  if (plan.inImage === undefined || build.image === null || isInImage(plan, build)) return null;
  if (!isOwnCommand(plan)) return build.image.outside[partId(plan.part!)] ?? null;
  return typeof build.image.forCommands === 'string' ? build.image.forCommands : null;
}

type Starts = {
  name: string;
  /** The plan's first word, which stands for the image's own interpreter. */
  first: string;
  more: Readonly<Record<'tests' | 'sources', readonly string[]>>;
  /** What lets programs find what the checks bring, with its parts. */
  prepare: Readonly<Record<'tests' | 'sources' | 'command', readonly string[]>>;
  /** Where the checks bring a tool; the machine's are not there. */
  tools: string;
};

/** How the programs of a language are started in an image. A new language is one more line. */
const languages: Readonly<Record<string, Starts>> = {
  python: {
    ...{ name: 'Python', first: '{python}', tools: '{layer}/tools/$1' },
    // What it needs beside the app's own comes at the end of its path.
    more: { tests: ['--path', '{layer}'], sources: [] },
    prepare: { tests: [], sources: ['bring_python.py'], command: ['bring_python.py'] },
  },
  node: {
    ...{ name: 'Node', first: '{tool:node}', tools: '{layer}/managers' },
    more: { tests: ['in-image'], sources: ['in-image'] },
    prepare: { tests: [], sources: [], command: ['bring_node.mjs', 'node_in_image.mjs'] },
  },
};

/** The report by which a check says that it has begun there. */
const began = 'began.txt';

/** The same program, in the part's place with what the commit adds, under the image's own interpreter. @throws internal when it does not run there */
export function placedInImage(plan: CheckPlan, kind: CheckKind, build: WithImage): CheckPlan {
  const { ahead: _, folder: _folder, ...rest } = plan;
  const tests = testsOf(plan, build);
  if (tests === null || plan.inImage === undefined || !('argv' in plan.command))
    throw fail('internal', 'That check runs in no image');
  const isCommand = isOwnCommand(plan);
  const language = languages[(isCommand ? tests.language : plan.part?.language) ?? ''] ?? null;
  const { argv } = plan.command;
  if (!isCommand && argv[0] !== language?.first) throw fail('internal', 'That check is of no language of images');
  const placed = (word: string): string => word.replace(/\{tool:(?!node\})([\w-]+)\}/g, language!.tools);
  const words = isCommand ? argv : [...argv.slice(1).map(placed), ...language!.more[plan.inImage]];
  const root = plan.part?.root ?? '';
  const from = plan.inImage === 'tests' ? `{job}/tests/${root}` : `{sources}/${root}`;
  const mode = isCommand ? 'command' : plan.inImage;
  const prepare = language?.prepare[mode] ?? [];
  const how = [mode, tests.folder ?? '.', '{reports}', from, `{reports}/${began}`];
  const by = [language?.name ?? '', language === null ? '' : tests.programs.join(' ')];
  return {
    ...rest,
    // The one of the machine's that stands alone, where the image's own language is another.
    tools: words.some((word) => word.includes('{tool:node}')) ? ['node'] : [],
    // A compiler asks nobody, and leaves the network that is ready to whoever needs one.
    ...(plan.part?.language !== undefined && kind === 'types' ? { network: 'none' as const } : {}),
    command: { argv: ['/bin/sh', '{job}/in_image.sh', ...how, ...by, prepare[0] ?? '', ...words] },
    files: { ...plan.files, ...runnerFiles('in_image.sh', ...prepare) },
    // What pages are made from is compared on the machine alone.
    reports: [...plan.reports.filter((one) => one !== madeFromReport), began],
  };
}

/** Why a job that was to run in an image could not; null: it ran there, and what it says counts. */
export function notInside(plan: CheckPlan, job: JobResult): string | null {
  if (job.endedBy !== 'exit' || (job.exitCode !== 126 && job.exitCode !== 127)) return null;
  const last = job.outputTail.at(-1)?.trim();
  const said = last ? `: ${safe(last, 200)}` : '';
  if (job.reports[began] === undefined && /exec: "\/bin\/sh"/.test(last ?? '')) return 'the image has no shell';
  if (job.reports[began] === undefined) return `it could not begin there${said}`;
  if (plan.isOnlyInImage || job.exitCode !== 127) return null;
  if (!isOwnCommand(plan)) return `what it needs could not be started there${said}`;
  return `the image lacks a program of it${said} (in: server says so from the start, in: image refuses it)`;
}

/** What of Lockstep's own a check in an image wants: of a part all that its checks of sources want, so that they share one folder of tools. */
export function pinnedFor(plan: CheckPlan, facts: GateFacts, checks: readonly Check[]): Pinned {
  const { part } = plan;
  if (plan.inImage !== 'sources' || part?.language !== 'python') return {};
  const others = questionsOf(facts, checks)
    .filter((one) => one.part.language === part.language && one.part.root === part.root)
    .flatMap((one) => one.check.plan(one.facts) ?? [])
    .filter((one) => one.inImage === 'sources' && !one.isServerFirst);
  const names = new Set([plan, ...others].flatMap(({ tools }) => tools));
  const known = Object.entries(pins).filter(([name]) => names.has(name));
  return Object.fromEntries(known.map(([name, lines]) => [name, requirementLines(lines)]));
}

/** A check that may run nowhere else, and cannot run there. @throws install-failed (it has failed), no-engine (nobody can say) */
export function demandImage(plan: CheckPlan, build: Pick<Build, 'image' | 'pulled' | 'artifact'>): void {
  if (!plan.isOnlyInImage || isInImage(plan, build)) return;
  const { image } = build.artifact.plan;
  if (image && build.image === null && !build.pulled)
    throw fail('no-engine', 'it runs in the image only (in: image), which is not built here');
  const why = image ? (whyOutside(plan, build) ?? 'that holds no command') : 'the app runs as processes';
  throw fail('install-failed', `it runs in the image only (in: image), and ${why}`);
}
