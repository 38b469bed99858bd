// One agent for a home, also when two are started in the same instant. A claim is a link `claim-<n>` whose target says whose
// it is: making it is atomic, so of all who saw the same dead holder only one gets the next number. The highest claim counts,
// and there always is one: whoever was slow and made a lower one finds a higher beside it, and has lost. No byte is written
// into a file, so a full disk is no obstacle; a frozen holder is alive. (Control holds its database instead, `hold-alone.ts`.)
import { readdirSync, readlinkSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { identify, isAlive } from '../agent/process/proc.ts';
import { fail } from '../domain/errors.ts';
import { kernelBoot } from '../lib/kernel-boot.ts';

const prefix = 'claim-';
const released = 'released';

/** Claims the folder for this process; what it gives releases it again. @throws home-in-use */
export function claimHome(folder: string): () => void {
  const self = identify(process.pid)!;
  const me = `${self.pid}:${self.startTicks}:${kernelBoot()}`;
  for (;;) {
    const highest = highestIn(folder);
    if (isHeld(folder, highest))
      throw fail('home-in-use', `another Lockstep uses this home (process ${holderOf(folder, highest)?.pid})`, {
        advice: 'Stop it first, or use another home.',
      });
    const mine = join(folder, `${prefix}${highest + 1}`);
    if (!made(mine, me)) continue;
    if (highestIn(folder) > highest + 1) {
      rmSync(mine, { force: true });
      continue;
    }
    for (const number of numbersIn(folder))
      if (number <= highest) rmSync(join(folder, `${prefix}${number}`), { force: true });
    return () => release(mine);
  }
}

/** For the next claim of this process; one that has ended holds nothing anyway. */
function release(mine: string): void {
  try {
    symlinkSync(released, `${mine}.released`);
    renameSync(`${mine}.released`, mine);
  } catch {
    // The folder is gone, or the disk takes nothing.
  }
}

/** False when somebody else was quicker. */
function made(path: string, target: string): boolean {
  try {
    symlinkSync(target, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function numbersIn(folder: string): number[] {
  return readdirSync(folder).flatMap((name) => {
    const number = new RegExp(`^${prefix}(\\d+)$`).exec(name)?.[1];
    return number === undefined ? [] : Number(number);
  });
}

const highestIn = (folder: string): number => Math.max(0, ...numbersIn(folder));

function holderOf(folder: string, number: number): { pid: number; startTicks: number; boot: string } | null {
  try {
    const [pid, startTicks, boot] = readlinkSync(join(folder, `${prefix}${number}`)).split(':');
    return boot === undefined ? null : { pid: Number(pid), startTicks: Number(startTicks), boot };
  } catch {
    return null; // none yet, or a higher one has come
  }
}

function isHeld(folder: string, number: number): boolean {
  const holder = holderOf(folder, number);
  return holder !== null && holder.boot === kernelBoot() && isAlive(holder);
}
