// Which ports do these processes listen on? Read from /proc: the kernel's table of listening sockets, joined by inode
// with the processes' open files. A port that another process holds never counts as ours.
import { readdir, readFile, readlink } from 'node:fs/promises';
import { listProcesses } from '../process/proc.ts';

export type Listener = {
  inode: number;
  family: 4 | 6 /** "0.0.0.0", "127.0.0.1", "::", "::1", else as the kernel has it */;
  address: string;
  port: number;
};

/** Listening sockets in the text of /proc/net/tcp (family 4) or tcp6. */
export function parseListeners(text: string, family: 4 | 6): Listener[] {
  const found: Listener[] = [];
  for (const line of text.split('\n').slice(1)) {
    const columns = line.trim().split(/\s+/);
    const [host, port] = columns[1]?.split(':') ?? [];
    // 0A is TCP_LISTEN.
    if (columns[3] !== '0A' || host === undefined || port === undefined) continue;
    found.push({
      inode: Number(columns[9]),
      family,
      address: addressOf(host, family),
      port: Number.parseInt(port, 16),
    });
  }
  return found;
}

/** Every listening TCP socket of this network namespace. */
export async function readListeners(proc = '/proc'): Promise<Listener[]> {
  const [four, six] = await Promise.all([
    readFile(`${proc}/net/tcp`, 'utf8'),
    readFile(`${proc}/net/tcp6`, 'utf8').catch(() => ''),
  ]);
  return [...parseListeners(four, 4), ...parseListeners(six, 6)];
}

/** Inodes of the sockets that these processes hold. A process that has gone, or that we may not look into, holds none. */
export async function socketInodes(pids: readonly number[], proc = '/proc'): Promise<Set<number>> {
  const inodes = new Set<number>();
  await Promise.all(
    pids.map(async (pid) => {
      const folder = `${proc}/${pid}/fd`;
      const names = await readdir(folder).catch(() => []);
      await Promise.all(
        names.map(async (name) => {
          const match = /^socket:\[(\d+)\]$/.exec(await readlink(`${folder}/${name}`).catch(() => ''));
          if (match !== null) inodes.add(Number(match[1]));
        }),
      );
    }),
  );
  return inodes;
}

/** What these processes listen on, whenever it is asked for. */
export type ListenerLook = (pids: readonly number[]) => Promise<Listener[]>;

/** So long a table counts for processes that hold the same sockets still (one may begin to listen on one that it had), or none. */
const [sameSocketsMs, noSocketMs] = [100, 500];

/**
 * Looks at the listening sockets that some processes hold, again and again. The kernel writes its table for every reader, and goes
 * through all it has for connections, be there any or not (6 ms with 24 GB of memory): so it is asked when they hold others than at the
 * look before, or after a tenth of a second, and on the machine's own network not while they hold none, as most apps while they boot.
 * @param own the table of a network that is theirs alone: whatever listens there is theirs, also when it cannot be seen that they hold it
 */
export function listenerLook(own: (() => Promise<Listener[]>) | null = null, proc = '/proc'): ListenerLook {
  let last: { sockets: Set<number>; atMs: number; found: Listener[] } | null = null;
  return async (pids) => {
    const sockets = await socketInodes(pids, proc);
    if (sockets.size === 0 && own === null) return [];
    const atMs = performance.now();
    const countsMs = sockets.size === 0 ? noSocketMs : sameSocketsMs;
    if (last !== null && atMs - last.atMs < countsMs && isSame(sockets, last.sockets)) return last.found;
    const found = own ? await own() : (await readListeners(proc)).filter(({ inode }) => sockets.has(inode));
    last = { sockets, atMs, found };
    return found;
  };
}

const isSame = (one: ReadonlySet<number>, other: ReadonlySet<number>): boolean =>
  one.size === other.size && [...one].every((inode) => other.has(inode));

export type PortHolder = { port: number; pid: number; comm: string };

/** Who listens on these ports, as far as we may see it. Looks at every process of the machine: asked once, when a start failed. */
export async function portHolders(ports: readonly number[]): Promise<PortHolder[]> {
  const wanted = (await readListeners()).filter(({ port }) => ports.includes(port));
  if (wanted.length === 0) return [];
  const found: PortHolder[] = [];
  for (const { pid, comm } of listProcesses()) {
    const inodes = await socketInodes([pid]);
    for (const { inode, port } of wanted) {
      const isKnown = found.some((one) => one.port === port);
      if (inodes.has(inode) && !isKnown) found.push({ port, pid, comm });
    }
  }
  return found;
}

/** The kernel prints 32-bit words in the machine's order, which is little-endian wherever we run. */
function addressOf(hex: string, family: 4 | 6): string {
  if (family === 4) return [...Buffer.from(hex, 'hex')].reverse().join('.');
  if (/^0+$/.test(hex)) return '::';
  if (hex === '00000000000000000000000001000000') return '::1';
  return hex;
}
