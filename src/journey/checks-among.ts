// Some of the checks, by name or kind.
import { fail } from '../domain/errors.ts';
import type { Check } from '../gate/check.ts';
import { safe } from '../gate/messages.ts';

/** Those that are called so, or are of such a kind; coverage is an answer of the tests. @throws bad-request for a name of none */
export function checksAmong(checks: readonly Check[], only: readonly string[] | undefined): readonly Check[] {
  if (!only) return checks;
  const asked = only.includes('coverage') ? [...only, 'tests'] : only;
  const isCalled = ({ kind, name }: Check, what: string): boolean => kind === what || name === what;
  const unknown = only.find((what) => what !== 'coverage' && !checks.some((check) => isCalled(check, what)));
  if (unknown !== undefined)
    throw fail('bad-request', `no check is called ${safe(unknown, 60)}`, {
      advice: `There are ${[...new Set(checks.flatMap(({ kind, name }) => [kind, name]))].sort().join(', ')}.`,
    });
  return checks.filter((check) => asked.some((what) => isCalled(check, what)));
}
