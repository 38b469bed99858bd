// Where commands that work on this machine alone keep what they fetch and make, from one time to the next.
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { fail } from '../domain/errors.ts';
import { printable } from '../domain/names.ts';
import type { Session } from './session.ts';

/** unix(7): sun_path holds 108 bytes with its end; the longest socket of a home is run/control.sock. */
const mostHomeBytes = 107 - '/run/control.sock'.length;

/** @throws bad-request for a folder whose path is too long for the sockets in it */
export function cacheHome(session: Session, name: 'gate' | 'local'): string {
  const home = cacheFolder(session, name);
  if (Buffer.byteLength(home) <= mostHomeBytes) return home;
  throw fail('bad-request', `the path of the cache is too long for a Unix socket: ${printable(home)}`, {
    advice: `Name a shorter one, at most ${mostHomeBytes} bytes: --cache DIR`,
  });
}

/** Under the user's cache; root's own folder is closed to the identities that checks run with. */
function cacheFolder(session: Session, name: string): string {
  const given = session.text('cache');
  if (given !== undefined) return resolve(session.io.cwd, given);
  if (process.getuid?.() === 0) return `/var/cache/lockstep/${name}`;
  return join(session.io.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'lockstep', name);
}
