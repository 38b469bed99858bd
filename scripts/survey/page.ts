// The survey as a page: a table of all, then a section each. Pure.
import type { ByHand } from './by-hand.ts';
import type { Figures } from './counts.ts';
import { found } from './found.ts';
import type { Check, Told } from './one.ts';
import type { Project, Question } from './projects.ts';

const cell = (text: string, most = 220): string =>
  (clean(text).length > most ? `${clean(text).slice(0, most - 3)}...` : clean(text))
    .replaceAll('|', '\\|')
    .replaceAll(/\s*\n\s*/g, ' ')
    .replaceAll('<', '&lt;');
/** What one machine or its network is called says nothing to others. */
const clean = (text: string): string =>
  text
    .replaceAll(/https?:\/\/[^\s'"),]+/g, '(address)')
    .replaceAll(/:? ?HTTPS?ConnectionPool.*$/gs, '')
    .replaceAll(/(?:\/tmp|\/work|\/root)\/[^\s:'"]*/g, '(path)');
const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

export function pageOf(all: readonly Told[], projects: readonly Project[]): string {
  const missing = projects.filter(({ name }) => !all.some((one) => one.project.name === name));
  const dates = [...new Set(all.map(({ at }) => at.slice(0, 10)))].join(', ');
  return `# Survey of the gate
Known web projects and libraries as their authors publish them, by the ordinary clients (pip, npm, go), made into repositories and
pushed to a fresh Lockstep without a word of configuration. An outcome is the first push's, which is an app's baseline: it measures,
and only the build and the boot stand in its way. Then a line that breaks the language's style is pushed, and a harmless one. Beside it
stand the project's own commands, run as a person does in a fresh environment. Where two figures are not the same, it is said why.

What npm publishes of a project often has neither its tests nor its settings (express, koa): then its own commands find nothing to
work on, and the gate holds it to its default style. A library has nothing that serves: the gate asks for a line that says so, and a Procfile was added.

Measured ${dates} on a small machine of two cores that did other things too: times show an order, no more. Made by
\`node scripts/bootstrap.js scripts/survey.ts --out docs/gate-survey.md\`; nothing in it was written by hand but the words behind
"Differs:".

| project | language | first push | bad line rejected at | harmless line | by hand |
|---|---|---|---|---|---|
${all.map(rowOf).join('\n')}
${missing.length === 0 ? '' : `\nNot run: ${missing.map(({ name, version }) => `${name} ${version}`).join(', ')}.\n`}

## What it found, and was mended
| where | what |
|---|---|
${found.map(({ where, what }) => `| ${where} | ${what} |`).join('\n')}

${all.map((one) => sectionOf(one, projects.find(({ name }) => name === one.project.name)!)).join('\n\n')}
`;
}

function rowOf(one: Told): string {
  const { project, outcome, wallMs, bad, good, broke, asked } = one;
  const first =
    broke === null
      ? `${one.commit ? '' : '(an earlier gate) '}${outcome} in ${seconds(wallMs)}${asked === null ? '' : ', once told what starts'}`
      : broke;
  const same = comparisons(one);
  const unlike = same.filter(({ isSame }) => !isSame).length;
  const hand =
    same.length === 0 ? '-' : unlike === 0 ? 'the same' : `${same.length - unlike} of ${same.length} the same`;
  const hasStyle = one.checks.some(({ kind }) => kind === 'style');
  const at = one.isBadRejected
    ? bad.replace('rejected at ', '')
    : `${hasStyle ? '' : 'it configures no style: '}${bad}`;
  return `| ${[`${project.name} ${project.version}`, project.kind, first, at, good, hand].map((text) => cell(text)).join(' | ')} |`;
}

function sectionOf(one: Told, { differs }: Project): string {
  const { project, detected, asked, checks, plan, broke, reason, hand } = one;
  const runs = plan.filter(({ what }) => checks.some(({ name }) => name === what));
  const measured = checks.map(({ name, outcome, summary, durationMs, warnings }) => {
    const note = warnings
      .map((text) => text.replace(/: recorded as the baseline.*/, ''))
      .filter((text) => text !== summary);
    return `| ${cell(name)} | ${outcome} | ${seconds(durationMs)} | ${cell([summary, ...note].join('; '))} |`;
  });
  const compared = comparisons(one).map(
    ({ what, gate, byHand, isSame }) => `| ${what} | ${gate} | ${byHand} | ${isSame ? 'the same' : 'differs'} |`,
  );
  return [
    `## ${project.name} ${project.version}`,
    `Asked ${one.at.slice(0, 16).replace('T', ' ')}${one.commit ? ` of ${one.commit}` : ', of an earlier gate: before the last of what is told above was mended'}.`,
    '',
    `Detected: ${cell(detected)}.`,
    ...(runs.length === 0
      ? []
      : [`It runs ${runs.map(({ what, from }) => `${what} (${cell(from, 80)})`).join(', ')}.`]),
    ...(asked === null ? [] : ['', `It asked for one thing: "${cell(asked, 400)}" A Procfile was added.`]),
    ...(broke === null ? [] : ['', `The survey broke off: ${cell(broke, 400)}`]),
    ...(one.outcome === 'landed' ? [] : ['', `Its end: ${cell(reason ?? one.outcome, 400)}`]),
    ...(measured.length === 0 ? [] : ['', '| check | outcome | time | what |', '|---|---|---|---|', ...measured]),
    ...(hand.length === 0 ? ['', 'By hand: not run.'] : ['', 'By hand:', '```', ...hand.map(handLine), '```']),
    ...(compared.length === 0 ? [] : ['| figure | gate | by hand | |', '|---|---|---|---|', ...compared]),
    ...(differs === undefined ? [] : ['', `Differs: ${differs}`]),
  ].join('\n');
}

const handLine = ({ question, command, exit, seconds: took, last }: ByHand): string =>
  `${question.padEnd(5)} ${command}\n      exit ${exit} after ${took.toFixed(0)} s${question === 'setup' && exit === 0 ? '' : `: ${clean(last)}`}`;

type Compared = { what: string; gate: string; byHand: string; isSame: boolean };

const names: Readonly<Record<Question, readonly string[]>> = {
  tests: ['tests'],
  style: ['style'],
  types: ['types', 'vet'],
  docs: ['docs'],
};

/** The figures that both sides have. */
function comparisons({ checks, hand }: Told): Compared[] {
  return hand.flatMap(({ question, figures }): Compared[] => {
    if (question === 'setup') return [];
    const check = checks.find(({ name }) => names[question].includes(name));
    if (check === undefined) return [];
    if (question !== 'tests') return [compare(`${question} findings`, counted(check), figures.findings)];
    const { testsRun = null, testsFailed = null } = check.metrics as Record<string, number | undefined>;
    const covered = checks.find(({ name }) => name === 'coverage');
    return [
      compare('tests run', testsRun, figures.run),
      compare('tests failed', testsFailed, figures.failed),
      ...(covered === undefined || figures.covered === null
        ? []
        : [compare('coverage', percentOf(covered), figures.covered, 0.1)]),
    ];
  });
}

/** null: it could not do its work. */
const counted = ({ metrics, findingCount }: Check): number | null =>
  metrics.broken === 1 ? null : (metrics.findings ?? metrics.styleFindings ?? findingCount);

const percentOf = ({ metrics }: Check): number | null =>
  metrics.coverageLines === undefined ? null : 100 * metrics.coverageLines;

function compare(what: string, gate: number | null, byHand: Figures['run'], within = 0): Compared {
  const show = (value: number | null) =>
    value === null ? 'not counted' : Number.isInteger(value) && within === 0 ? String(value) : `${value.toFixed(1)} %`;
  const isSame = gate === byHand || (gate !== null && byHand !== null && Math.abs(gate - byHand) <= within);
  return { what, gate: show(gate), byHand: show(byHand), isSame };
}
