// Takes from living processes the right to make files larger, and gives it back: reading, serving and deleting go on. Where
// we may raise another's hard limit again (CAP_SYS_RESOURCE) both limits are moved; else the soft one alone, under the
// process's own identity. That one the program can lift itself; what then grows on is ended (`disk/disk-level.ts`).
import { lstatSync, readFileSync } from 'node:fs';
import { run } from '../../exec/exec.ts';

/** A process that forks between the list and its own turn is met by the next pass. */
const passes = 2;
const limits = { env: {}, timeoutMs: 5000 };

/** @param fileBytes 0: nothing may be written */
export async function limitFileSize(pids: () => readonly number[], fileBytes: number): Promise<void> {
  const done = new Set<number>();
  for (let pass = 0; pass < passes; pass += 1)
    for (const pid of pids().filter((one) => !done.has(one))) {
      done.add(pid);
      await limitOne(pid, fileBytes);
    }
}

async function limitOne(pid: number, fileBytes: number): Promise<void> {
  const owner = lstatSync(`/proc/${pid}`, { throwIfNoEntry: false });
  if (owner === undefined || isHeldTo(pid, fileBytes)) return;
  const words = (limit: string) => ['/usr/bin/prlimit', '--pid', String(pid), `--fsize=${limit}`];
  const isRoot = process.getuid?.() === 0;
  if (isRoot && (await run(words(`${fileBytes}:${fileBytes}`), limits)).code === 0) return;
  const as = ['/usr/bin/setpriv', `--reuid=${owner.uid}`, `--regid=${owner.gid}`, '--clear-groups', '--'];
  await run([...(isRoot && owner.uid !== 0 ? as : []), ...words(`${fileBytes}:`)], limits); // one that has gone needs none
}

/** Of an app at its limit every process is asked for again and again: one that has its limit already costs no program. */
function isHeldTo(pid: number, fileBytes: number): boolean {
  try {
    const [, soft, hard] = /^Max file size +(\d+) +(\S+) /m.exec(readFileSync(`/proc/${pid}/limits`, 'latin1')) ?? [];
    // A soft limit alone the program could lift.
    return soft === String(fileBytes) && (hard === soft || !mayRaise());
  } catch {
    return false; // it has gone, or is not ours to look into
  }
}

const resourceBit = 24n;
/** CAP_SYS_RESOURCE. */
function mayRaise(): boolean {
  const set = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1] ?? '0';
  return ((BigInt(`0x${set}`) >> resourceBit) & 1n) === 1n;
}
