// The Go toolchains that an app's identity can run: those on the machine, then the one that Lockstep can fetch. One of them is
// enough, since `go` itself fetches the version that a go.mod asks for through the module proxy and holds it against the
// checksum database. That began with 1.21: an older one is left aside.
import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../exec/exec.ts';
import { isOurs, realOf } from './machine-programs.ts';
import { isReachable } from './reachable.ts';

export type FoundGo = {
  id: string;
  kind: 'go';
  /** "1.26.8" */
  version: string;
  /** null: fetched when it is asked for. */
  path: string | null;
};

const usualPlaces = ['/usr/local/go/bin', '/usr/lib/go/bin', '/usr/local/bin', '/usr/bin'];

/** @param given.fetched the version of the pinned one */
export async function findGos(given: {
  fetched: string;
  path?: string;
  places?: readonly string[];
}): Promise<readonly FoundGo[]> {
  const onPath = (given.path ?? process.env.PATH ?? '').split(':').filter((dir) => dir.startsWith('/'));
  const found = new Map<string, FoundGo>();
  for (const dir of new Set([...(given.places ?? [...usualPlaces, ...debianPlaces()]), ...onPath])) {
    const real = realOf(join(dir, 'go'));
    if (real === null || found.has(real) || !isReachable(join(dir, 'go'), 'execute') || !isOurs(real)) continue;
    const version = await ask(real);
    if (version !== null) found.set(real, { id: idOf(version, real), kind: 'go', version, path: real });
  }
  const newest = [...found.values()].sort((a, b) => b.version.localeCompare(a.version, 'en', { numeric: true }));
  return [...newest, { id: `go-${given.fetched}-fetched`, kind: 'go', version: given.fetched, path: null }];
}

function debianPlaces(): string[] {
  try {
    return readdirSync('/usr/lib')
      .filter((name) => /^go-\d/.test(name))
      .map((name) => join('/usr/lib', name, 'bin'));
  } catch {
    return []; // no such folder
  }
}

const idOf = (version: string, path: string): string =>
  `go-${version}-${createHash('sha256').update(path).digest('hex').slice(0, 8)}`;

/** The version; null for what is no usable Go. */
async function ask(path: string): Promise<string | null> {
  const env = { GOTOOLCHAIN: 'local', GOENV: 'off', HOME: '/nonexistent', GOCACHE: 'off' };
  const answer = await run([path, 'env', 'GOVERSION', 'GOROOT'], { env, cwd: '/', timeoutMs: 10_000 }).catch(
    () => null,
  );
  const match = /^go(1\.(\d+)(?:\.\d+)?)\S*\n(\/\S*)\n$/.exec(answer?.code === 0 ? answer.stdout : '');
  if (match === null || Number(match[2]) < 21) return null;
  return isReachable(join(match[3]!, 'src', 'fmt', 'print.go'), 'read') ? match[1]! : null;
}
