// What an engine leaves in the kernel when it ends: bridges, packet filter rules, mounts, control groups. Remembered before it starts, so
// that exactly what has come since is taken away.
import { execFileSync } from 'node:child_process';
import { existsSync, globSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const forwarding = '/proc/sys/net/ipv4/ip_forward';
const ofEngine = /\bDOCKER\b|\bDOCKER-|docker0|\bbr-[0-9a-f]{12}\b/;

export type Before = {
  links: readonly string[];
  forwarding: string;
  /** By table: the lines of iptables-save. */
  rules: Readonly<Record<string, readonly string[]>>;
};

export const links = (): string[] => readdirSync('/sys/class/net');

export function remember(): Before {
  const rules = { filter: saved('filter'), nat: saved('nat') };
  return { links: links(), forwarding: readFileSync(forwarding, 'utf8').trim(), rules };
}

/** What could not be taken away. @param folder the engine's own folder: what is mounted beneath it goes */
export function removeTraces(before: Before, folder: string, cgroupParent: string): string[] {
  for (const link of links())
    if (isEngines(link) && !before.links.includes(link)) quietly('ip', 'link', 'delete', link);
  for (const [table, had] of Object.entries(before.rules)) removeRules(table, had);
  writeFileSync(forwarding, before.forwarding);
  for (const path of mountsBeneath(folder)) quietly('umount', '-l', path);
  const cgroups = [`/sys/fs/cgroup/${cgroupParent}`, `/sys/fs/cgroup/*/${cgroupParent}`];
  for (const path of globSync(cgroups)) removeCgroup(path);
  return [
    ...links().filter((link) => isEngines(link) && !before.links.includes(link)),
    ...Object.entries(before.rules).flatMap(([table, had]) =>
      saved(table).filter((line) => ofEngine.test(line) && !had.includes(line)),
    ),
    ...mountsBeneath(folder),
    ...globSync(cgroups),
  ];
}

const isEngines = (link: string): boolean => /^(?:docker0|br-[0-9a-f]{12}|veth[0-9a-f]{7})$/.test(link);

function removeRules(table: string, had: readonly string[]): void {
  const lines = saved(table).filter((line) => !had.includes(line));
  for (const line of lines) {
    const words = line.split(' ');
    if (words[0] === '-A' && ofEngine.test(line)) quietly('iptables', '-w', '-t', table, '-D', ...words.slice(1));
  }
  for (const line of lines) {
    const chain = /^:(DOCKER\S*) /.exec(line)?.[1];
    if (chain !== undefined) quietly('iptables', '-w', '-t', table, '-X', chain);
  }
  const policy = (all: readonly string[]) => /^:FORWARD (\S+)/m.exec(all.join('\n'))?.[1] ?? 'ACCEPT';
  if (table === 'filter' && policy(saved(table)) !== policy(had))
    quietly('iptables', '-w', '-P', 'FORWARD', policy(had));
}

const saved = (table: string): string[] =>
  execFileSync('iptables-save', ['-t', table], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
    .split('\n')
    .filter((line) => /^(?:-A|:)/.test(line))
    .map((line) => line.replace(/ \[\d+:\d+\]$/, ''));

/** The deepest first. */
function mountsBeneath(folder: string): string[] {
  return readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '')
    .filter((path) => path.startsWith(`${folder}/`))
    .reverse();
}

function removeCgroup(path: string): void {
  if (!existsSync(path)) return;
  for (const entry of readdirSync(path, { withFileTypes: true }))
    if (entry.isDirectory()) removeCgroup(join(path, entry.name));
  try {
    rmdirSync(path);
  } catch {
    // Something still runs in it, which `removeTraces` says.
  }
}

/** What is gone already is no trouble. */
function quietly(program: string, ...words: string[]): void {
  try {
    execFileSync(program, words, { stdio: 'ignore', timeout: 10_000 });
  } catch {}
}
