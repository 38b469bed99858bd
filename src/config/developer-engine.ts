// Where a developer's container engine listens, found as docker's own client finds it: what the environment names, else the context that is
// in use, else the sockets where engines usually are (one for all users, a rootless one, Docker Desktop's). Only sockets of this machine: files
// and addresses of an engine elsewhere are not here.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { printable } from '../domain/names.ts';
import { engineSocketOf, usualEngineSocket } from './engine-socket.ts';

/** `from`: who says so, for people. */
export type EngineFound =
  | { socket: string; from: string }
  | { socket: null; from: string; why: string; advice: string };

type Env = Readonly<Record<string, string | undefined>>;

/** @throws bad-request for a LOCKSTEP_ENGINE that is no socket's path */
export function developerEngine(env: Env, isThere: (path: string) => boolean = existsSync): EngineFound {
  if (env.LOCKSTEP_ENGINE) return { socket: engineSocketOf(env), from: 'LOCKSTEP_ENGINE' };
  if (env.DOCKER_HOST) return atAddress(env.DOCKER_HOST, 'DOCKER_HOST');
  const folder = env.DOCKER_CONFIG || join(env.HOME || '/root', '.docker');
  const context = env.DOCKER_CONTEXT || textAt(readJson(join(folder, 'config.json')), 'currentContext');
  if (context !== null && context !== 'default') return ofContext(folder, context);
  const usual = [
    usualEngineSocket,
    ...(env.XDG_RUNTIME_DIR ? [join(env.XDG_RUNTIME_DIR, 'docker.sock')] : []),
    ...['run', 'desktop'].map((place) => join(folder, place, 'docker.sock')),
  ];
  return { socket: usual.find(isThere) ?? usualEngineSocket, from: 'the usual place' };
}

function ofContext(folder: string, name: string): EngineFound {
  const from = `the docker context "${printable(name)}"`;
  // As docker keeps them: by the digest of the name, which so is never a path.
  const key = createHash('sha256').update(name).digest('hex');
  const meta = readJson(join(folder, 'contexts', 'meta', key, 'meta.json'));
  const host = textAt(meta, 'Endpoints', 'docker', 'Host');
  if (host !== null) return atAddress(host, from);
  return { socket: null, from, why: `${from} is not there`, advice: 'See docker context ls, or set DOCKER_HOST.' };
}

function atAddress(address: string, from: string): EngineFound {
  const path = address.replace(/^unix:\/\//, '');
  if (address.startsWith('unix:///') && !/[\0\n]/.test(path) && Buffer.byteLength(path) <= 107)
    return { socket: path, from };
  return {
    ...{ socket: null, from, why: `${from} names ${printable(address)}, which is no socket of this machine` },
    advice: 'Name an engine of this machine: LOCKSTEP_ENGINE=/var/run/docker.sock',
  };
}

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return null; // it is not there, or not docker's
  }
}

/** null: there is no text at that place. */
function textAt(value: unknown, ...keys: readonly string[]): string | null {
  let at: unknown = value;
  for (const key of keys) at = (Object(at) as Record<string, unknown>)[key];
  return typeof at === 'string' && at !== '' ? at : null;
}
