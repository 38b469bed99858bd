// Named pipes ahead of need: Node cannot make one, and a program that does costs more than all else at a job's start. A
// few are made at a time and renamed to where they are wanted.
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { chown } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../exec/exec.ts';

export type FifoPool = {
  /** A fresh FIFO at `path`, which `uid` may reopen. */
  take(path: string, uid: number | null): Promise<void>;
};

const batch = 32;

export function openFifoPool(folder: string): FifoPool {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (const name of readdirSync(folder)) rmSync(join(folder, name), { force: true });
  const spare: string[] = [];
  let refill: Promise<void> | null = null;
  const make = async (): Promise<void> => {
    const paths = Array.from({ length: batch }, () => join(folder, randomBytes(8).toString('hex')));
    try {
      await run(['/usr/bin/mkfifo', '-m', '600', '--', ...paths], { env: {}, timeoutMs: 30_000, okCodes: [0] });
    } catch (error) {
      for (const path of paths) rmSync(path, { force: true }); // some were made before the disk was full
      throw error;
    }
    spare.push(...paths);
  };
  const more = (): Promise<void> => {
    refill ??= make().finally(() => {
      refill = null;
    });
    return refill;
  };
  void more().catch(() => {}); // the first taker meets the error again
  return {
    async take(path, uid) {
      // What a refill met that was begun before this was asked may be over: only one's own decides.
      do while (spare.length === 0) await (refill?.catch(() => {}) ?? more());
      while (!moved(spare.pop()!, path));
      if (spare.length < batch / 4) void more().catch(() => {});
      if (uid !== null && process.getuid?.() === 0) await chown(path, uid, -1);
    },
  };
}

/** False when somebody emptied the pool: another agent that opened it. */
function moved(from: string, to: string): boolean {
  try {
    renameSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' && !existsSync(from)) return false;
    throw error;
  }
}
