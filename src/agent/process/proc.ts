// Which process is which: a pid is reused, a pid with its start time (clock ticks since boot) is not. A zombie is dead:
// PID 1 may be slow to reap those it adopted.
import { readdirSync, readFileSync } from 'node:fs';
import { isUnseen, seen } from '../../lib/descriptors.ts';

export type ProcessIdentity = { pid: number; startTicks: number };
export type ProcessStat = ProcessIdentity & {
  comm: string;
  state: string;
  ppid: number;
  pgid: number;
  session: number;
};

/** Parses /proc/PID/stat; a comm may hold spaces and parentheses. null: not of that form. */
export function parseStat(text: string): ProcessStat | null {
  const open = text.indexOf('(');
  const close = text.lastIndexOf(')');
  if (open < 0 || close < open) return null;
  const rest = text.slice(close + 2).split(' ');
  const [pid, ppid, pgid, session, startTicks] = [text.slice(0, open), rest[1], rest[2], rest[3], rest[19]].map(Number);
  if (![pid, ppid, pgid, session, startTicks].every(Number.isSafeInteger)) return null;
  const comm = text.slice(open + 1, close);
  return { pid: pid!, comm, state: rest[0]!, ppid: ppid!, pgid: pgid!, session: session!, startTicks: startTicks! };
}

/** null: no such process, or a zombie. @throws EMFILE, ENFILE: there was no descriptor to look with */
export function readProcess(pid: number): ProcessStat | null {
  try {
    const stat = parseStat(readFileSync(`/proc/${pid}/stat`, 'latin1'));
    return stat === null || 'ZXx'.includes(stat.state) ? null : stat;
  } catch (error) {
    if (isUnseen(error)) throw error;
    return null;
  }
}

export function identify(pid: number): ProcessIdentity | null {
  const stat = seen(() => readProcess(pid));
  return stat === null ? null : { pid, startTicks: stat.startTicks };
}

/** Where there is no descriptor to look with, whoever has the number is taken for it: nobody is declared dead unseen. */
export function isAlive({ pid, startTicks }: ProcessIdentity): boolean {
  try {
    return readProcess(pid)?.startTicks === startTicks;
  } catch {
    return hasNumber(pid);
  }
}

function hasNumber(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Belongs to no process: pids end at 2^22. */
export const nobody: ProcessIdentity = { pid: 0x3fff_ffff, startTicks: 0 };

/** Every living process, zombies left out. */
export function listProcesses(): ProcessStat[] {
  const found: ProcessStat[] = [];
  for (const name of readdirSync('/proc')) {
    const stat = /^\d+$/.test(name) ? readProcess(Number(name)) : null;
    if (stat !== null) found.push(stat);
  }
  return found;
}

/**
 * The living members of a leader's session or process group; empty when its pid belongs to another process by now.
 * `all`: the processes as whoever asks has just read them; every one is looked at unless told.
 */
export function groupOf(leader: ProcessIdentity, all: () => ProcessStat[] = listProcesses): ProcessStat[] {
  if (leader.pid === nobody.pid) return [];
  const now = readProcess(leader.pid);
  if (now !== null && now.startTicks !== leader.startTicks) return [];
  return all().filter((p) => (p.pgid === leader.pid || p.session === leader.pid) && p.startTicks >= leader.startTicks);
}
