// The end of a process that is known by pid and start time, whoever started it.
import { setTimeout as sleep } from 'node:timers/promises';
import { isAlive, type ProcessIdentity } from '../agent/process/proc.ts';

const stopLimitMs = 15_000;

/** SIGTERM, time to finish, SIGKILL. Resolves when it is gone. */
export async function stopProcess(identity: ProcessIdentity): Promise<void> {
  if (!isAlive(identity)) return;
  signalTo(identity, 'SIGTERM');
  const limit = performance.now() + stopLimitMs;
  while (isAlive(identity) && performance.now() < limit) await sleep(10);
  if (isAlive(identity)) await killProcess(identity);
}

/** Also one that is frozen. Resolves when it is gone: what it held is free then. */
export async function killProcess(identity: ProcessIdentity): Promise<void> {
  signalTo(identity, 'SIGKILL');
  while (isAlive(identity)) await sleep(5);
}

/** Quiet when it has just gone. */
function signalTo({ pid }: ProcessIdentity, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
