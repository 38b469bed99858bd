// Which core this program runs on.
import { execFileSync } from 'node:child_process';
import { cpus } from 'node:os';

/** With all its threads. @throws on a machine of one core, where nothing could be measured apart */
export function pinSelf(core: number): void {
  if (cpus().length < 2) throw new Error('it takes two cores: one for the proxy, one for whoever asks');
  execFileSync('taskset', ['-a', '-cp', String(core), String(process.pid)], { stdio: 'ignore' });
}
