// Where the container engine listens: what LOCKSTEP_ENGINE names, else what DOCKER_HOST does, else the usual place. Only sockets of this
// machine: an engine elsewhere could neither be given trees by the agent nor be reached by the router.
import { isAbsolute } from 'node:path';
import { fail } from '../domain/errors.ts';
import { printable } from '../domain/names.ts';

export const usualEngineSocket = '/var/run/docker.sock';

/** @throws bad-request for what is no socket of this machine */
export function engineSocketOf(env: Readonly<Record<string, string | undefined>>): string {
  const own = env.LOCKSTEP_ENGINE ?? '';
  const said = own !== '' ? own : (env.DOCKER_HOST ?? '');
  // Somebody else's setting: an engine over the network is not ours to refuse, only to leave alone.
  if (said === '' || (own === '' && !said.startsWith('unix://'))) return usualEngineSocket;
  const path = said.replace(/^unix:\/\//, '');
  if (isAbsolute(path) && !/[\0\n]/.test(path) && Buffer.byteLength(path) <= 107) return path;
  throw fail('bad-request', `LOCKSTEP_ENGINE: "${printable(said)}" is not the path of a socket`, {
    advice: 'Name the socket of a container engine on this machine, for example /var/run/docker.sock.',
  });
}
