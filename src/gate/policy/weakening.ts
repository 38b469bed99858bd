// What a candidate's own files would take from what main is held to. The gate in force is the stricter of main's and the
// candidate's: each lowering is a finding, and only an admin lands one. Rule by rule, pure. Raising is free.
import type { CheckResult, Finding } from '../../domain/gate.ts';
import { builtInChecks, type CheckCommand, type GateSettings } from '../../domain/gate-settings.ts';
import { percent } from '../coverage.ts';

/** `key` is where it stands in lockstep.yml: `['gate', 'coverage', 'patch']`. */
export type Weakening = { key: readonly string[]; message: string };

export const weakenRule = 'weaker gate';
const remedy = 'an admin lands it with git push -o allow-weaken, or lockstep merge --allow-weaken';

type Rule = (main: GateSettings, candidate: GateSettings) => (Weakening | null)[];

const lowered = (key: readonly string[], what: string, main: string, now: string): Weakening => ({
  key: ['gate', ...key],
  message: `${what} ${main} on main, and ${now} here`,
});

const thresholds: Rule = ({ rules: main }, { rules: now }) => [
  now.style.new > main.style.new
    ? lowered(['style', 'new'], 'findings let through on changed lines:', `${main.style.new}`, `${now.style.new}`)
    : null,
  now.coverage.patch < main.coverage.patch
    ? lowered(['coverage', 'patch'], 'of the new lines', percent(main.coverage.patch), percent(now.coverage.patch))
    : null,
  now.coverage.patchFloor > main.coverage.patchFloor
    ? lowered(
        ['coverage', 'patch_floor'],
        'new lines are weighed from',
        `${main.coverage.patchFloor}`,
        `${now.coverage.patchFloor}`,
      )
    : null,
  now.coverage.slackPoints > main.coverage.slackPoints
    ? lowered(
        ['coverage', 'slack'],
        'coverage may fall by',
        `${main.coverage.slackPoints}pp`,
        `${now.coverage.slackPoints}pp`,
      )
    : null,
  main.coverage.min !== null && (now.coverage.min ?? 0) < main.coverage.min
    ? lowered(
        ['coverage', 'min'],
        'the floor of the coverage is',
        percent(main.coverage.min),
        now.coverage.min === null ? 'none' : percent(now.coverage.min),
      )
    : null,
  now.docstrings.new < main.docstrings.new
    ? lowered(
        ['docstrings', 'new'],
        'of the new definitions',
        percent(main.docstrings.new),
        percent(now.docstrings.new),
      )
    : null,
  main.docs.warnings === 'error' && now.docs.warnings === 'allow'
    ? lowered(['docs', 'warnings'], 'warnings of the docs are', 'errors', 'allowed')
    : null,
  main.dockerfile.clonesItself === 'error' && now.dockerfile.clonesItself === 'allow'
    ? lowered(['dockerfile', 'clones_itself'], 'a step that fetches its own repository is', 'an error', 'allowed')
    : null,
];

const checks: Rule = (main, candidate) => [
  ...builtInChecks.map((name) => {
    const [before, now] = [main.builtIn[name], candidate.builtIn[name]];
    if (before === 'off') return null;
    if (now === 'off') return { key: ['gate', 'checks', name], message: `${name} is checked on main, and off here` };
    return commandWeaker(name, before, now);
  }),
  ...Object.entries(main.custom).map(([name, before]) => {
    const now = candidate.custom[name];
    if (now === undefined)
      return { key: ['gate', 'checks', name], message: `main has a check ${name}, and it is gone here` };
    return commandWeaker(name, before, now);
  }),
];

function commandWeaker(
  name: string,
  before: CheckCommand | undefined,
  now: CheckCommand | undefined,
): Weakening | null {
  const key = ['gate', 'checks', name];
  if (now === undefined) return null;
  if (provesNothing(now.run) && !(before && provesNothing(before.run)))
    return { key, message: `${name} would be a command that proves nothing` };
  if (before?.network === 'none' && now.network !== 'none')
    return { key, message: `${name} has no network on main, and has one here` };
  if (before?.in === 'image' && now.in !== 'image')
    return { key, message: `${name} runs in the image and nowhere else on main, and not so here` };
  const lost = Object.keys(before?.reports ?? {}).filter((kind) => !Object.hasOwn(now.reports, kind));
  if (lost.length > 0) return { key, message: `${name} reports ${lost.join(' and ')} on main, and not here` };
  return null;
}

const nothing = /^(?:(?:\/usr)?\/bin\/)?(?:true|:|exit(?: 0)?|echo(?: [^;&|]*)?|printf(?: [^;&|]*)?|)$/;

/** A line of shell that ends well whatever it looked at: `true`, `echo done`, `make test || true`, `pytest; exit 0`. */
export function provesNothing(run: string): boolean {
  const text = run.replace(/\s+#.*$/, '').trim();
  const parts = text.split(/&&|\|\||;|\n/).map((part) => part.trim());
  if (parts.every((part) => nothing.test(part))) return true;
  const last = /(?:\|\||;)([^;&|]*);?$/.exec(text)?.[1]?.trim();
  return last !== undefined && last !== '' && nothing.test(last);
}

const weakeningRules: readonly Rule[] = [thresholds, checks];

export function weakeningsOf(main: GateSettings, candidate: GateSettings): Weakening[] {
  return weakeningRules.flatMap((rule) => rule(main, candidate)).filter((one) => one !== null);
}

/** Who asked for the weaker gate: nobody, somebody without the right, or an admin. */
export type WeakenAsked = 'not' | 'without the right' | 'by an admin';

/**
 * The check `policy`; null when nothing is weaker.
 * @param placeOf where a key stands
 */
export function weakeningResult(
  weaker: readonly Weakening[],
  asked: WeakenAsked,
  placeOf: (weakening: Weakening) => Pick<Finding, 'file' | 'line'>,
  nowMs: number,
): CheckResult | null {
  if (weaker.length === 0) return null;
  const isAllowed = asked === 'by an admin';
  const why = asked === 'without the right' ? 'this token lacks the admin right; ' : '';
  const findings = weaker.map((one): Finding => {
    const message = `${one.key.join('.')}: ${one.message}`;
    return { ...placeOf(one), rule: weakenRule, message: isAllowed ? message : `${message}; ${why}${remedy}` };
  });
  return {
    ...{ kind: 'policy', name: 'policy', outcome: isAllowed ? 'passed' : 'failed' },
    summary: `${weaker.length} ${weaker.length === 1 ? 'rule' : 'rules'} of main's gate would be weaker`,
    findings: isAllowed ? [] : findings,
    findingCount: isAllowed ? 0 : findings.length,
    metrics: { weakened: weaker.length },
    warnings: isAllowed ? findings.map(({ message }) => `weakened by an admin: ${message}`) : [],
    ...{ outputTail: [], startedAtMs: nowMs, durationMs: 0 },
  };
}
