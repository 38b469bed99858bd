// Reads the instances' output while there is no agent. A pipe holds 64 KiB; whoever writes into a full one waits, so an
// app that logs would stop within minutes of the agent's death. A few lines of shell wait beside the agent, for the end
// of a pipe that only the agent holds, and read from then on until the next agent ends them. Jobs are not read for: one
// that says more than a pipe holds waits for the next agent, as its result does.
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startBeside } from './launcher.ts';
import { nobody } from './proc.ts';
import { terminate } from './terminate.ts';

const script = fileURLToPath(new URL('./stand-in.sh', import.meta.url));

/** As the script has it. */
const keptBytes = 1024 * 1024;

export type StandIn = {
  /** From now on it reads. Stop reading first. */
  takeOver(): void;
  /** It is not needed any more. */
  end(): Promise<void>;
};

export type StandInFolders = { pipes: string; kept: string };

/** Ends the one that an earlier agent left, then starts ours: what it has read is complete when this resolves. */
export async function openStandIn({ pipes, kept }: StandInFolders): Promise<StandIn> {
  await mkdir(kept, { recursive: true, mode: 0o700 });
  const mark = `LOCKSTEP_STAND_IN=${pipes}`;
  const end = async () => void (await terminate({ leader: nobody, cgroup: null, mark, graceMs: 0 }));
  await end();
  const env = { PATH: '/usr/bin:/bin', LOCKSTEP_STAND_IN: pipes };
  const beside = startBeside(['/bin/sh', script, pipes, kept], env);
  return { takeOver: () => beside.endInput(), end };
}

/** What was said under this name while no agent was there; it is told once. */
export async function takeKept(folder: string, name: string): Promise<Buffer> {
  const file = join(folder, name);
  const said = await readFile(file).catch(() => Buffer.alloc(0)); // mostly nothing
  await rm(file, { force: true });
  if (said.length < keptBytes) return said;
  return Buffer.concat([said, Buffer.from('\nlockstep: what followed was dropped while the agent was away\n')]);
}
