// The environment of every git that we start. The machine's and the user's configuration are out of the picture, it asks nobody anything on a
// terminal, and who writes a commit and when is said, never guessed.

/** The environment for every git we start. */
export function gitEnvironment(options: { permit?: string | null; isOurs?: boolean } = {}): Record<string, string> {
  const config: [string, string][] = [
    ['protocol.file.allow', 'never'],
    ['safe.directory', '*'],
    // A larger file is streamed, never held: neither diffed as text nor packed as a difference.
    ['core.bigFileThreshold', '16m'],
  ];
  if (options.isOurs === false) config.push(['core.hooksPath', '/dev/null']);
  const env: Record<string, string> = {
    PATH: process.env.PATH ?? '/usr/local/bin:/usr/bin:/bin',
    HOME: '/nonexistent',
    LC_ALL: 'C',
    TZ: 'UTC',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_ATTR_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    GIT_OPTIONAL_LOCKS: '0',
    GIT_CONFIG_COUNT: String(config.length),
  };
  config.forEach(([key, value], index) => {
    env[`GIT_CONFIG_KEY_${index}`] = key;
    env[`GIT_CONFIG_VALUE_${index}`] = value;
  });
  if (options.permit) env.LOCKSTEP_PERMIT = options.permit;
  return env;
}

/** A person and a moment, as a commit keeps them; `atSeconds` since the epoch, always written as UTC. */
export type Signature = { name: string; email: string; atSeconds: number };

export function signatureEnv(role: 'AUTHOR' | 'COMMITTER', signature: Signature): Record<string, string> {
  return {
    [`GIT_${role}_NAME`]: signature.name,
    [`GIT_${role}_EMAIL`]: signature.email,
    [`GIT_${role}_DATE`]: `@${Math.floor(signature.atSeconds)} +0000`,
  };
}
