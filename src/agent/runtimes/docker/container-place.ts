// Where a container's processes are, asked of the kernel and not of the engine, which may be away: their control groups, their address, and
// which container they are.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Cgroup, Controller } from '../../process/cgroup.ts';

const root = '/sys/fs/cgroup';
const controllers: readonly Controller[] = ['memory', 'cpu', 'pids'];

/** null: it has gone, or is about to: version 1 shows a process that ends in the root group, in which is the whole machine. */
export function cgroupOfPid(pid: number): Cgroup | null {
  const text = read(`/proc/${pid}/cgroup`);
  const dirs: Partial<Record<Controller, string>> = {};
  for (const [name, path] of groupsIn(text)) {
    if (path === '/') continue;
    const dir = join(root, name, path);
    if (controllers.includes(name as Controller) && existsSync(dir)) dirs[name as Controller] = dir;
  }
  if (Object.keys(dirs).length > 0) return { version: 1, dirs };
  const unified = /^0::(\/.*)$/m.exec(text)?.[1];
  if (unified === undefined || unified === '/') return null;
  const dir = join(root, unified);
  return existsSync(dir) ? { version: 2, dirs: { memory: dir, cpu: dir, pids: dir } } : null;
}

/** Controller -> path, of version 1. */
export function groupsIn(text: string): [string, string][] {
  return text.split('\n').flatMap((line) => {
    const [, names, path] = /^\d+:([^:]+):(\/.*)$/.exec(line) ?? [];
    return names === undefined ? [] : names.split(',').map((name): [string, string] => [name, path!]);
  });
}

/** The engine's id of the container that a process is in, by the names of its groups; null: it is in none. */
export const containerOfPid = (pid: number): string | null =>
  /(?:^|[/:-])([0-9a-f]{64})(?:\.scope)?$/m.exec(read(`/proc/${pid}/cgroup`))?.[1] ?? null;

/** The address that others reach a process at, in its own network; null: it has none but its loopback. */
export const addressOfPid = (pid: number): string | null => addressIn(read(`/proc/${pid}/net/fib_trie`));

export function addressIn(trie: string): string | null {
  let leaf = '';
  for (const line of trie.split('\n')) {
    const found = /^\s*\|-- (\d+\.\d+\.\d+\.\d+)$/.exec(line)?.[1];
    if (found !== undefined) leaf = found;
    else if (/^\s*\/32 host LOCAL$/.test(line) && !leaf.startsWith('127.')) return leaf;
  }
  return null;
}

/** Where on this machine it writes into its own root; null: nowhere, or in a way that is not known. */
export const rootFolderOfPid = (pid: number): string | null => upperIn(read(`/proc/${pid}/mountinfo`));

export function upperIn(mounts: string): string | null {
  for (const line of mounts.split('\n')) {
    const [before = '', after = ''] = line.split(' - ');
    if (before.split(' ')[4] !== '/' || !after.startsWith('overlay ')) continue;
    return /(?:^|,)upperdir=(\/[^,]+)/.exec(after.split(' ')[2] ?? '')?.[1] ?? null;
  }
  return null;
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
