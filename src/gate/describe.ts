// The gate of a repository in words: each check with its command, each figure that main is held to, and where each of them
// was said. Pure.
import type { GateSettings } from '../domain/gate-settings.ts';
import { defaultGate } from '../domain/gate-settings.ts';
import type { Check, CheckPlan, GateFacts } from './check.ts';
import { configuredChecks, settingOf } from './configured.ts';
import { percent } from './coverage.ts';
import { questionsOf } from './gate.ts';
import { nameIn } from './part.ts';

export type Described = {
  /** `check`, or the figure's key: `coverage.patch`. */
  what: string;
  /** The command, or the figure. */
  value: string;
  /** `lockstep.yml:12`, `app.json`, `default`. */
  from: string;
  /** Where the check runs, of an app that is an image. */
  where?: string;
};

/**
 * @param lineOf where a key of lockstep.yml stands; null: it is not there
 * @param whereOf null: everything runs on the machine
 */
export function describeGate(
  facts: GateFacts,
  gate: GateSettings,
  lineOf: (key: readonly string[]) => number | null,
  only: (checks: readonly Check[]) => readonly Check[] = (checks) => checks,
  whereOf: ((plan: CheckPlan) => string) | null = null,
): { checks: Described[]; figures: Described[] } {
  const questions = questionsOf(facts, only(configuredChecks(gate)));
  const checks = questions.map(({ check, part, facts: seen }): Described => {
    const plan = check.plan(seen);
    const name = nameIn(check.name, part);
    const own = ownOf(gate, check);
    const value = own ? own.run : plan === null ? 'nothing to look at' : commandText(plan);
    const where = plan && whereOf ? { where: whereOf({ ...plan, part }) } : {};
    return { what: name, value, from: own ? place(own.from, check.name, lineOf) : 'default', ...where };
  });
  const off = Object.entries(gate.builtIn).flatMap(([name, said]) =>
    said === 'off' ? [{ what: name, value: 'off', from: place('lockstep.yml:', name, lineOf) }] : [],
  );
  return { checks: [...checks, ...off], figures: figuresOf(gate, lineOf) };
}

function ownOf({ builtIn, custom }: GateSettings, check: Pick<Check, 'kind' | 'name'>) {
  if (check.kind === 'custom') return custom[check.name] ?? null;
  const setting = settingOf(check);
  const said = setting === null ? undefined : builtIn[setting];
  return said === undefined || said === 'off' ? null : said;
}

function place(from: string, name: string, lineOf: (key: readonly string[]) => number | null): string {
  if (!from.startsWith('lockstep.yml')) return from;
  const line = lineOf(['gate', 'checks', name]);
  return line === null ? 'lockstep.yml' : `lockstep.yml:${line}`;
}

const longest = 100;

function commandText({ command }: CheckPlan): string {
  const text = 'shell' in command ? command.shell : command.argv.join(' ');
  return text.length > longest ? `${text.slice(0, longest - 3)}...` : text;
}

function figuresOf(gate: GateSettings, lineOf: (key: readonly string[]) => number | null): Described[] {
  const { rules } = gate;
  const figures: readonly [key: readonly string[], value: string][] = [
    [['style', 'new'], `${rules.style.new} findings on changed lines`],
    [['coverage', 'patch'], `${percent(rules.coverage.patch)} of the changed lines`],
    [['coverage', 'patch_floor'], `from ${rules.coverage.patchFloor} changed lines on`],
    [['coverage', 'slack'], `${rules.coverage.slackPoints}pp below main`],
    [['coverage', 'min'], rules.coverage.min === null ? 'none' : percent(rules.coverage.min)],
    [['docstrings', 'new'], `${percent(rules.docstrings.new)} of the new definitions`],
    [['docs', 'warnings'], rules.docs.warnings],
    [['dockerfile', 'clones_itself'], rules.dockerfile.clonesItself],
    [['timeout'], `${gate.timeoutMs / 1000}s`],
    [['prestart'], gate.prestart],
    [['history'], gate.history],
    [['batch'], `${gate.batch.min} to ${gate.batch.max}`],
  ];
  return figures.map(([key, value]) => {
    const line = gate === defaultGate ? null : lineOf(['gate', ...key]);
    return { what: key.join('.'), value, from: line === null ? 'default' : `lockstep.yml:${line}` };
  });
}
