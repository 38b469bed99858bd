// The Nodes that an app can run with, in the order of preference: Lockstep's own (pinned, the one that runs Lockstep), those
// that are pinned and fetched when an app asks for them, and what else is on the machine for everybody.
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { run } from '../../exec/exec.ts';
import { isOurs, realOf } from './machine-programs.ts';
import { type NpmToolName, npmPackages, npmToolNames } from './npm-tools.ts';
import type { ToolName } from './pins.ts';
import { isReachable } from './reachable.ts';

/** `tool`: where it comes from when it is asked for; `path`: where it is. */
export type FoundNode = { id: string; kind: 'node'; version: string } & ({ tool: ToolName } | { path: string });

const usualPlaces = ['/usr/bin', '/usr/local/bin', '/opt/node/bin', '/opt/nodejs/bin'];

/** @param given.own the version and the folder's name of Lockstep's own */
export async function findNodes(given: {
  own: { version: string; folder: string };
  path?: string;
  places?: readonly string[];
}): Promise<readonly FoundNode[]> {
  const { own } = given;
  const nodes: FoundNode[] = [{ id: own.folder, kind: 'node', version: own.version, tool: 'node' }];
  const fetched = npmToolNames.filter((name): name is NpmToolName & `node-${string}` => name.startsWith('node-'));
  for (const name of fetched) {
    const [first] = npmPackages(name);
    if (first) nodes.push({ id: `node-${first.version}-npm`, kind: 'node', version: first.version, tool: name });
  }
  const onPath = (given.path ?? process.env.PATH ?? '').split(':').filter((dir) => dir.startsWith('/'));
  const seen = new Set<string>();
  for (const dir of new Set([...(given.places ?? usualPlaces), ...onPath])) {
    const path = realOf(join(dir, 'node'));
    if (path === null || seen.has(path)) continue;
    seen.add(path);
    if (!isReachable(path, 'execute') || !isOurs(path)) continue;
    const version = await ask(path);
    if (version === null || nodes.some((one) => one.version === version)) continue;
    const place = createHash('sha256').update(path).digest('hex').slice(0, 8);
    nodes.push({ id: `node-${version}-${place}`, kind: 'node', version, path });
  }
  return nodes;
}

async function ask(path: string): Promise<string | null> {
  const said = await run([path, '--version'], { env: {}, timeoutMs: 10_000, okCodes: [0] }).catch(() => null);
  return /^v(\d+\.\d+\.\d+)$/.exec(said?.stdout.trim() ?? '')?.[1] ?? null;
}
