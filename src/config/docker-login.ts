// As whom docker's own client asks a registry, as far as it says so in its configuration: what `docker login` has written there in the clear.
// What a helper of the system keeps is not asked for.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Docker Hub under the name of before. */
const hub = 'https://index.docker.io/v1/';

/** null: nobody, as far as is known. */
export function dockerLogin(
  env: Readonly<Record<string, string | undefined>>,
  host: string,
): { username: string; password: string } | null {
  let auths: Record<string, { auth?: unknown } | null>;
  try {
    const file = join(env.DOCKER_CONFIG || join(env.HOME || '/root', '.docker'), 'config.json');
    auths = Object((JSON.parse(readFileSync(file, 'utf8')) as { auths?: unknown }).auths);
  } catch {
    return null; // nobody has logged in
  }
  const { auth } = Object(auths[host === 'docker.io' ? hub : host]) as { auth?: unknown };
  if (typeof auth !== 'string') return null;
  const [, username, password] = /^([^:]+):(.+)$/s.exec(Buffer.from(auth, 'base64').toString('utf8')) ?? [];
  return username === undefined || password === undefined ? null : { username, password };
}
