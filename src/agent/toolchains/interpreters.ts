// Finds the Pythons that an app's identity can execute: on the PATH, in the usual places, and those that uv put into the
// home. Root can execute everything, so root's own word counts for nothing: the modes of every folder on the way do.
import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fail } from '../../domain/errors.ts';
import { run } from '../../exec/exec.ts';
import { isOurs, realOf } from './machine-programs.ts';
import { isReachable } from './reachable.ts';

export type FoundInterpreter = {
  /** Names version and place: a layer made with it is bound to both. */
  id: string;
  kind: 'python';
  /** "3.11.2" */
  version: string;
  path: string;
};

const usualPlaces = ['/usr/bin', '/usr/local/bin', '/bin', '/opt/python/bin'];
const named = /^python3(?:\.\d+)?$/;
const question =
  'import json,os,sys;print(json.dumps([sys.implementation.name,"%d.%d.%d"%sys.version_info[:3],os.__file__]))';

/** @param given.managed the folder where uv keeps the interpreters that it fetched */
export async function findInterpreters(given: {
  managed: string;
  path?: string;
  places?: readonly string[];
}): Promise<readonly FoundInterpreter[]> {
  const managed = list(given.managed).map((name) => join(given.managed, name, 'bin'));
  const onPath = (given.path ?? process.env.PATH ?? '').split(':').filter((dir) => dir.startsWith('/'));
  const found = new Map<string, FoundInterpreter>();
  for (const dir of new Set([...(given.places ?? usualPlaces), ...onPath, ...managed])) {
    for (const name of list(dir)
      .filter((each) => named.test(each))
      .sort()) {
      const path = join(dir, name);
      const real = realOf(path);
      if (real === null || found.has(real) || !isReachable(path, 'execute') || !isOurs(real)) continue;
      const version = await ask(path);
      if (version !== null) found.set(real, { id: idOf(version, real), kind: 'python', version, path: real });
    }
  }
  const [first, ...rest] = found.values();
  return first === undefined ? [] : [first, ...rest.sort((a, b) => compare(b.version, a.version))];
}

/** The first of the list. @throws no-interpreter */
export function preferred(found: readonly FoundInterpreter[], id = 'Python'): FoundInterpreter {
  if (found[0] !== undefined) return found[0];
  throw fail('no-interpreter', `No ${id} that an app can execute is on this machine.`, {
    advice: 'Install python3 with the package manager of the system (a Python under a closed home does not count).',
  });
}

const list = (dir: string): string[] => {
  try {
    return readdirSync(dir);
  } catch {
    return []; // not there
  }
};

const idOf = (version: string, path: string): string =>
  `python-${version}-${createHash('sha256').update(path).digest('hex').slice(0, 8)}`;

/** The version, or null for what is no usable CPython. */
async function ask(path: string): Promise<string | null> {
  try {
    const { stdout } = await run([path, '-I', '-S', '-c', question], { env: {}, timeoutMs: 10_000, okCodes: [0] });
    const [kind, version, library] = JSON.parse(stdout) as [string, string, string];
    return kind === 'cpython' && compare(version, '3.8.0') >= 0 && isReachable(library, 'read') ? version : null;
  } catch {
    return null; // a shim that leads nowhere, another program of that name
  }
}

function compare(a: string, b: string): number {
  const [left, right] = [a, b].map((each) => each.split('.').map(Number));
  return left!.map((part, at) => part - right![at]!).find((difference) => difference !== 0) ?? 0;
}
