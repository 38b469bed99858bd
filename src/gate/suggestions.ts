// Checks that a repository seems to have and the gate does not run: targets of a Makefile, environments of tox, steps of a
// workflow. They are only read, never run: each becomes a line of advice with what to write into lockstep.yml.
import { parse } from 'yaml';
import type { GateSettings } from '../domain/gate-settings.ts';
import type { GateFacts } from './check.ts';

type Reads = { read(path: string, maxBytes: number): Promise<Buffer | null> };

const telling = /^(?:lint|check|typecheck|types|test|tests|format-check|fmt-check|e2e|docs)$/;
const workflow = /^\.github\/workflows\/[^/]+\.ya?ml$/;
const mostWorkflows = 10;
const mostSuggestions = 10;

export async function suggestionsFor(facts: GateFacts, gate: GateSettings, view: Reads): Promise<string[]> {
  const isThere = (name: string) => Object.hasOwn(gate.custom, name) || Object.hasOwn(gate.builtIn, name);
  const found = [...makeTargets(facts), ...toxEnvironments(facts), ...(await workflowSteps(facts, view))];
  return found
    .filter(({ name }) => !isThere(name))
    .slice(0, mostSuggestions)
    .map(({ where, name, run }) => `${where}; to have the gate run it: gate: { checks: { ${name}: ${run} } }`);
}

type Suggestion = { where: string; name: string; run: string };

function makeTargets({ texts }: GateFacts): Suggestion[] {
  const targets = [...(texts.get('Makefile') ?? '').matchAll(/^([a-z][a-z0-9-]*):(?!=)/gm)].map((match) => match[1]!);
  return [...new Set(targets)]
    .filter((name) => telling.test(name) && name !== 'test' && name !== 'tests')
    .map((name) => ({ where: `Makefile has a target ${name}`, name, run: `make ${name}` }));
}

function toxEnvironments({ texts }: GateFacts): Suggestion[] {
  const names = [...(texts.get('tox.ini') ?? '').matchAll(/^\[testenv:([a-z][a-z0-9-]*)\]/gm)].map((one) => one[1]!);
  return names
    .filter((name) => telling.test(name))
    .map((name) => ({ where: `tox.ini has an environment ${name}`, name, run: `tox -e ${name}` }));
}

const step = /^(?:npm run|yarn|pnpm(?: run)?|make|tox -e|python -m|uv run|poetry run|npx) ?(?<what>[\w:./ -]*)$/;

/** Steps whose command is one plain line. The file may be anything: what is not read so is not there. */
async function workflowSteps({ paths }: GateFacts, view: Reads): Promise<Suggestion[]> {
  const found: Suggestion[] = [];
  for (const path of paths.filter((one) => workflow.test(one)).slice(0, mostWorkflows)) {
    const text = (await view.read(path, 16 * 1024))?.toString('utf8');
    if (text === undefined) continue;
    for (const run of runsOf(text)) {
      const what = step.exec(run)?.groups?.what;
      const name = what === undefined ? undefined : /(?:^|[\s:])([a-z][a-z0-9-]{1,30})$/.exec(what)?.[1];
      if (name !== undefined && telling.test(name) && !found.some((one) => one.name === name))
        found.push({ where: `${path} runs "${run}"`, name, run });
    }
  }
  return found;
}

function runsOf(text: string): string[] {
  try {
    const document = parse(text, { logLevel: 'silent', maxAliasCount: 10 }) as { jobs?: Record<string, unknown> };
    return Object.values(document?.jobs ?? {}).flatMap((job) => {
      const steps = (job as { steps?: unknown } | null)?.steps;
      return Array.isArray(steps)
        ? steps.flatMap((one) => {
            const run = (one as { run?: unknown } | null)?.run;
            return typeof run === 'string' && run.length <= 200 ? [run.trim()] : [];
          })
        : [];
    });
  } catch {
    return [];
  }
}
