// What a repository's files say together about its gate: lockstep.yml first, then app.json's test script. Pure.
import type { CheckCommand, GateSettings } from '../domain/gate-settings.ts';
import { defaultCheckTimeoutMs } from '../domain/gate-settings.ts';
import type { AppJson } from './readers/app-json.ts';
import type { LockstepYml } from './readers/lockstep-yml.ts';

/** Commands that ask for nothing but what Lockstep's own runners do, with reports and coverage. */
const ownRunner =
  /^(?:(?:python3? -m )?(?:pytest|py\.test)|python3? -m unittest(?: discover)?|(?:python3? )?(?:\.\/)?manage\.py test|(?:npm|yarn|pnpm)(?: run)? test|node --test|go test \.\/\.\.\.)(?: -[\w=-]+)*$/;

export function gateOfFiles(
  { gate, saidAuto }: Pick<LockstepYml, 'gate' | 'saidAuto'>,
  { test: { scripts } }: Pick<AppJson, 'test'>,
): GateSettings {
  const command = scripts.test?.trim() ?? '';
  const setup = scripts['test-setup']?.trim() ?? '';
  if (command === '' || gate.builtIn.tests !== undefined || saidAuto.includes('tests')) return gate;
  if (setup === '' && ownRunner.test(command)) return gate;
  const tests: CheckCommand = {
    run: setup === '' ? command : `{ ${setup}\n} && { ${command}\n}`,
    needsRelease: false,
    reports: {},
    timeoutMs: defaultCheckTimeoutMs,
    network: 'all',
    from: 'app.json: environments.test.scripts.test',
  };
  return { ...gate, builtIn: { ...gate.builtIn, tests } };
}
