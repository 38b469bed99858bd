// Looks after the disk of the home, once a second and whenever somebody has met its end.
//
// plenty  the reserve is there                                   -> short, when nearly nothing is left or a write failed for it
// short   the reserve was given back; what can go without asking -> plenty, when there is room for the reserve and half as
//         anybody goes, again and again; control begins nothing     much again: it is made anew
//         large and drops what it no longer needs
//
// A start finds out by looking which of them it is in. The reserve is made by `fallocate`, or by writing where that is not there.
import { closeSync, openSync, writeSync } from 'node:fs';
import { run } from '../../exec/exec.ts';
import { hasReserve, isNearlyFull, isRoomy, makeReserve, readRoom, releaseReserve } from '../../lib/room.ts';
import type { AgentLog } from '../agent-parts.ts';

const lookEveryMs = 1000;
const sweepEveryMs = 10_000;

export type RoomKeeper = {
  /** Somebody could not write: the reserve goes now. */
  metTheEnd(): void;
  close(): void;
};

/** @param sweep frees what nobody needs; it may be called often */
export function keepRoom(given: {
  home: string;
  sweep(): Promise<{ bytesFreed: number }>;
  log: AgentLog;
  lookEveryMs?: number;
}): RoomKeeper {
  const { home, log } = given;
  let isMaking = false;
  let sweptAt = Number.NEGATIVE_INFINITY;

  const sweep = (): void => {
    if (performance.now() - sweptAt < sweepEveryMs) return;
    sweptAt = performance.now();
    given.sweep().then(
      ({ bytesFreed }) => {
        if (bytesFreed > 0) log('info', 'room was made', { bytesFreed });
      },
      (error: Error) => log('warn', `room could not be made: ${error.message}`),
    );
  };
  const beShort = (): void => {
    if (hasReserve(home)) {
      releaseReserve(home);
      log(
        'error',
        'the disk of the home is full: its reserve was given back, and nothing large is begun',
        readRoom(home),
      );
    }
    sweep();
  };
  const cannot = (error: unknown): void => log('warn', `the disk cannot be asked: ${(error as Error).message}`);
  /** Also on a disk that takes no change any more. */
  const metTheEnd = (): void => {
    try {
      beShort();
    } catch (error) {
      cannot(error);
    }
  };
  const beRoomy = async (): Promise<void> => {
    isMaking = true;
    try {
      if (await makeReserve(home, allocate)) log('info', 'the reserve of the disk is there', readRoom(home));
    } catch (error) {
      cannot(error);
    } finally {
      isMaking = false;
    }
  };
  const look = (): void => {
    try {
      const room = readRoom(home);
      if (isNearlyFull(room)) beShort();
      else if (hasReserve(home) || isMaking) return;
      else if (isRoomy(room)) void beRoomy();
      else sweep();
    } catch (error) {
      cannot(error);
    }
  };

  look();
  const timer = setInterval(look, given.lookEveryMs ?? lookEveryMs);
  timer.unref();
  return { metTheEnd, close: () => clearInterval(timer) };
}

/** Real blocks, at once where the system can. */
async function allocate(file: string, bytes: number): Promise<void> {
  const made = await run(['fallocate', '-l', String(bytes), '--', file], {
    env: { PATH: process.env.PATH ?? '/usr/bin:/bin' },
    timeoutMs: 30_000,
  }).catch(() => null);
  if (made?.code === 0) return;
  if (made !== null && /No space left|Disk quota/.test(made.stderr)) throw new Error(made.stderr);
  const descriptor = openSync(file, 'w', 0o600);
  try {
    const piece = Buffer.alloc(1024 ** 2, 0xb1);
    for (let left = bytes; left > 0; left -= piece.length) {
      writeSync(descriptor, piece, 0, Math.min(left, piece.length));
      await new Promise((resolve) => setImmediate(resolve));
    }
  } finally {
    closeSync(descriptor);
  }
}
