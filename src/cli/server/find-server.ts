// Which server a command speaks to. In order: LOCKSTEP_URL; a home that was named (--home, LOCKSTEP_HOME); the server that the
// work tree's remote points at, when we hold its credentials; the Lockstep of the default home; the server of the last
// login. A server that somebody named is never silently replaced by another.
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { defaultHome } from '../../config/config.ts';
import { fail } from '../../domain/errors.ts';
import { pasteWord } from '../shell-word.ts';
import { parseServerUrl, serverKey } from './address.ts';
import { credentialsFolder, readCredentials, readToken, tokenFileOf } from './credentials.ts';

export type Server = {
  url: string;
  token: string;
  /** Where git's credential helper finds the token: a file, or `@env` (LOCKSTEP_TOKEN). */
  tokenSource: string;
};

export type Wanted = {
  env: Readonly<Record<string, string | undefined>>;
  /** `--home`. */
  home: string | undefined;
  /** The address of the work tree's remote `lockstep`; null when there is none. Asked only when it can matter. */
  remoteOrigin: () => Promise<string | null>;
  isRoot: boolean;
};

/** The home of this machine's Lockstep, by flag, environment or default. */
export function homeOf(wanted: Pick<Wanted, 'env' | 'home' | 'isRoot'>): string {
  return resolve(wanted.home ?? (wanted.env.LOCKSTEP_HOME || defaultHome(wanted.isRoot, wanted.env.HOME || undefined)));
}

/**
 * Finds the server and its token; asks nothing of the network.
 * @throws router-away when there is none, unauthenticated when there is no token for it
 */
export async function findServer(wanted: Wanted): Promise<Server> {
  const { env } = wanted;
  const home = homeOf(wanted);
  const folder = credentialsFolder(env);
  const own = (url: string, file: string): Server => {
    const token = env.LOCKSTEP_TOKEN;
    return token ? { url, token, tokenSource: '@env' } : { url, token: readToken(file), tokenSource: file };
  };
  const local = (url: string) => own(url, join(home, 'control', 'owner.token'));
  const saved = (url: string) => own(url, tokenFileOf(folder, url));

  if (env.LOCKSTEP_URL) {
    const url = parseServerUrl(env.LOCKSTEP_URL);
    if (env.LOCKSTEP_TOKEN) return own(url, '');
    const running = readUp(home);
    return running && serverKey(running) === serverKey(url) ? local(url) : saved(url);
  }
  const running = readUp(home);
  if (wanted.home !== undefined || env.LOCKSTEP_HOME) {
    if (running) return local(running);
    throw fail('router-away', `no Lockstep is running on ${home}`, {
      advice: `Start it with: lockstep up --home ${pasteWord(home)}`,
    });
  }
  const { servers, current } = readCredentials(folder);
  const known = Object.keys(servers);
  if (known.length > 0) {
    const origin = await wanted.remoteOrigin();
    const match = origin === null ? undefined : known.find((url) => serverKey(url) === serverKey(origin));
    if (match && !(running && serverKey(running) === serverKey(match))) return saved(match);
  }
  if (running) return local(running);
  const last = current !== null && known.includes(current) ? current : known[0];
  if (last) return saved(last);
  throw fail('router-away', 'no Lockstep is running here, and none is logged in to', {
    advice: 'Start one with: lockstep up   or use another machine’s: lockstep login URL',
  });
}

/** The address that `lockstep up` wrote into its home; null when there is none. */
function readUp(home: string): string | null {
  const file = join(home, 'run', 'up.json');
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return null;
  }
  try {
    return parseServerUrl(String((JSON.parse(text) as { url: unknown }).url));
  } catch (cause) {
    throw fail('router-away', `${file} cannot be read`, {
      advice: `Start again: lockstep up --home ${pasteWord(home)}`,
      cause,
    });
  }
}
