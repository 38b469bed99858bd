// What `lockstep login` keeps: which servers, and for each a file of its own with the token (0600) that git's credential
// helper reads too, so that a secret stands in one place only.
import { mkdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fail } from '../../domain/errors.ts';

type Saved = {
  /** The server that was logged in to last. */
  current: string | null;
  servers: Record<string, { name: string }>;
};

/** `$XDG_CONFIG_HOME/lockstep`, or `~/.config/lockstep`. */
export function credentialsFolder(env: Readonly<Record<string, string | undefined>>): string {
  const base = env.XDG_CONFIG_HOME?.startsWith('/') ? env.XDG_CONFIG_HOME : join(env.HOME || homedir(), '.config');
  return join(base, 'lockstep');
}

/** Where a server's token is kept. */
export function tokenFileOf(folder: string, url: string): string {
  return join(folder, 'tokens', encodeURIComponent(url));
}

/** Nobody has logged in: no servers. @throws bad-config for a file that is not ours */
export function readCredentials(folder: string): Saved {
  const file = join(folder, 'credentials.json');
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { current: null, servers: {} };
    throw unreadable(file, error);
  }
  try {
    const value = JSON.parse(text) as Saved;
    if (typeof value.servers !== 'object' || value.servers === null) throw new Error('no servers in it');
    for (const url of Object.keys(value.servers)) new URL(url);
    return { current: value.current ?? null, servers: value.servers };
  } catch (error) {
    throw unreadable(file, error);
  }
}

/** Keeps a token for a server and makes that server the current one. */
export async function saveCredentials(folder: string, url: string, name: string, token: string): Promise<string> {
  const { atomicWrite } = await import('../../lib/atomic-write.ts');
  const saved = readCredentials(folder);
  mkdirSync(join(folder, 'tokens'), { recursive: true, mode: 0o700 });
  const tokenFile = tokenFileOf(folder, url);
  await atomicWrite(tokenFile, `${token}\n`, 0o600);
  const servers = { ...saved.servers, [url]: { name } };
  await atomicWrite(join(folder, 'credentials.json'), `${JSON.stringify({ current: url, servers }, null, 2)}\n`, 0o600);
  return tokenFile;
}

/** The token in a file: its first line. @throws unauthenticated, forbidden with what to do */
export function readToken(file: string): string {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'EACCES') {
      throw fail('forbidden', `the token in ${file} belongs to another user`, {
        advice:
          'Ask its owner for a token (lockstep tokens create NAME --rights read,deploy), then: lockstep login URL',
        cause,
      });
    }
    throw fail('unauthenticated', `there is no token at ${file}`, { advice: 'Log in: lockstep login URL', cause });
  }
  const token = text.split('\n')[0]!.trim();
  if (!/^[\x21-\x7e]{1,512}$/.test(token)) {
    throw fail('unauthenticated', `${file} does not hold a token`, { advice: 'Log in again: lockstep login URL' });
  }
  return token;
}

function unreadable(file: string, cause: unknown) {
  return fail('bad-config', `${file} cannot be used (${(cause as Error).message})`, {
    advice: 'Remove it and log in again: lockstep login URL',
    cause,
  });
}
