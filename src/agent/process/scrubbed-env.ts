// The environment of what is not ours: what was declared, and a few places; nothing of the agent's own.
import { fail } from '../../domain/errors.ts';

/** Where the machine's own programs are. */
export const systemPath = ['/usr/local/bin', '/usr/bin', '/bin'] as const;

export type EnvPlaces = { path: readonly string[]; home: string; tmp: string };

/** Throws `bad-env`. The declared variables win, but for HOME and TMPDIR, which the agent decides. */
export function scrubbedEnv(declared: Readonly<Record<string, string>>, places: EnvPlaces): Record<string, string> {
  assertEnv(declared);
  return { LANG: 'C.UTF-8', PATH: places.path.join(':'), ...declared, HOME: places.home, TMPDIR: places.tmp };
}

/** @throws bad-env */
export function assertEnv(declared: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(declared))
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) || value.includes('\0'))
      throw fail('bad-env', `${JSON.stringify(name)} cannot be an environment variable.`, {
        advice: 'Use letters, digits and "_" in the name, and no NUL in the value.',
      });
}
