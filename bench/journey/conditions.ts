// What must be switched on for a figure to count: limits, log capture, both identities, fsyncs. Each is looked at from
// outside, on the running machine: what the platform says of itself, /proc, cgroups, git's configuration, the database
// file. One thing cannot be asked from outside, the `synchronous` of control's own connection: `src/store` tests it.
import { closeSync, globSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { type Json, type Stage, until } from '../../test/support/stage.ts';

/** Why no run counts on this machine as it is set up; empty when all is on. */
export async function conditionsOff(stage: Stage): Promise<string[]> {
  const off: string[] = [];
  const { enforcement } = (await stage.api('/platform')).body;
  for (const promise of ['identities', 'memory', 'cpu', 'pids'])
    if (enforcement[promise] !== true) off.push(`${promise} are not enforced: ${enforcement.why.join('; ')}`);
  for (const repository of globSync('control/repos/*.git', { cwd: stage.home })) {
    const config = await stage.run(['git', 'config', '--file', join(stage.home, repository, 'config'), '--list']);
    for (const line of ['core.fsync=all', 'receive.fsckobjects=true'])
      if (!config.stdout.split('\n').includes(line)) off.push(`the repository lacks ${line}`);
  }
  if (!isWal(join(stage.home, 'control', 'lockstep.db'))) off.push('the database does not keep a write-ahead log');
  return off;
}

/** Why a run does not count, from the instance that serves now. */
export async function instanceOff(stage: Stage, app: string, gateUids: ReadonlySet<number>): Promise<string[]> {
  const status = await stage.status(app);
  const instance = status.instances.find((one: Json) => one.releaseId && one.state === 'healthy');
  if (!instance) return ['no instance is healthy'];
  const off: string[] = [];
  const uid = uidOf(instance.pid);
  if (uid === null || uid === 0) off.push(`the instance has uid ${uid}`);
  if (gateUids.size === 0) off.push('no check was seen to run');
  if (uid !== null && gateUids.has(uid)) off.push(`checks and instances share uid ${uid}`);
  const group = readFileSync(`/proc/${instance.pid}/cgroup`, 'latin1');
  if (!group.includes(`/${instance.id}`)) off.push('the instance is in no control group of its own');
  const isLogged = async (): Promise<boolean> => {
    const { body } = await stage.api(`/apps/${app}/logs?lines=50`);
    return body.items.some((line: Json) => line.instanceId === instance.id);
  };
  await until(isLogged, 2000, () => '').catch(() => off.push("the instance's output is not in the log"));
  return off;
}

/** Looks for jobs until stopped, and collects the uids that they run with. It costs time: not while something is measured. */
export function watchJobs(): { uids: ReadonlySet<number>; stop(): void } {
  const uids = new Set<number>();
  const timer = setInterval(() => {
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      try {
        if (!/\/lockstep\/job_/.test(readFileSync(`/proc/${pid}/cgroup`, 'latin1'))) continue;
        if (readFileSync(`/proc/${pid}/comm`, 'latin1').startsWith('python')) uids.add(uidOf(Number(pid))!);
      } catch {
        // It has ended meanwhile.
      }
    }
  }, 20);
  return { uids, stop: () => clearInterval(timer) };
}

function uidOf(pid: number): number | null {
  const line = /^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'));
  return line ? Number(line[1]) : null;
}

/** Bytes 18 and 19 of an SQLite file are 2 when it is in WAL mode. */
function isWal(file: string): boolean {
  const head = Buffer.alloc(20);
  const handle = openSync(file, 'r');
  try {
    readSync(handle, head, 0, 20, 0);
  } finally {
    closeSync(handle);
  }
  return head[18] === 2 && head[19] === 2;
}
