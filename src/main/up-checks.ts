// What must hold before anything is started: a home that every identity can reach, and identities of their own for control
// and router where these can read the program.
import { accessSync, constants, existsSync, mkdirSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { fail } from '../domain/errors.ts';
import type { Identity } from '../lib/identity.ts';

export type OwnIdentities = { control: Identity | null; router: Identity | null; why: readonly string[] };

/** Below the first identity of an app (store/apps.ts). */
const controlId = 39_990;
const routerId = 39_991;

/**
 * Makes the home, and refuses one that other identities cannot pass.
 * @throws home-unreachable
 */
export function checkHome(home: string, isRoot: boolean): void {
  try {
    mkdirSync(home, { recursive: true, mode: 0o711 });
    accessSync(home, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw fail('home-unreachable', `the home ${home} cannot be written: ${(cause as Error).message}`, {
      advice: 'Choose another with --home, or mend its permissions.',
      cause,
    });
  }
  if (existsSync(join(home, 'restore-incomplete'))) {
    throw fail('home-unreachable', `the home ${home} is half restored: a restore did not come to its end`, {
      advice: 'Empty it, and run lockstep restore again.',
    });
  }
  const closed = isRoot ? foldersAbove(home).find((folder) => (statSync(folder).mode & 0o001) === 0) : undefined;
  if (closed) {
    throw fail('home-unreachable', `${closed} is closed to other users, so no app could reach its files in ${home}`, {
      advice:
        closed === home ? `Run chmod o+x ${closed}.` : 'Choose a home elsewhere, for example --home /var/lib/lockstep.',
    });
  }
}

/**
 * Refuses a home whose agent answers.
 * @throws home-in-use
 */
export async function refuseSecond(agentSocket: string): Promise<void> {
  const isThere = await new Promise<boolean>((resolve) => {
    const socket = connect({ path: agentSocket });
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
  if (isThere)
    throw fail('home-in-use', `another lockstep up serves this home (${agentSocket} answers)`, {
      advice: 'Stop it first (Ctrl-C, or SIGTERM to the pid in run/up.json), or choose another with --home.',
    });
}

/** As root: identities for control and router, unless the program lies where they cannot read it. */
export function identitiesFor(programRoot: string, isRoot: boolean): OwnIdentities {
  if (!isRoot)
    return { control: null, router: null, why: ['not root: every app shares your user, and limits are not enforced'] };
  const needed = [
    programRoot,
    join(programRoot, 'node_modules'),
    join(programRoot, 'bin'),
    join(programRoot, existsSync(join(programRoot, 'src')) ? 'src' : 'dist'),
    process.execPath,
  ];
  const closed = needed
    .filter((path) => existsSync(path))
    .flatMap((path) => [...foldersAbove(path)])
    .find((path) => (statSync(path).mode & 0o001) === 0);
  if (closed) {
    return {
      control: null,
      router: null,
      why: [`control and router run as root, since ${closed} is closed to other users; install the program elsewhere`],
    };
  }
  return { control: { uid: controlId, gid: controlId }, router: { uid: routerId, gid: routerId }, why: [] };
}

/** The path itself and every folder above it, the deepest first. */
function foldersAbove(path: string): string[] {
  const parent = dirname(path);
  return parent === path ? [path] : [path, ...foldersAbove(parent)];
}
