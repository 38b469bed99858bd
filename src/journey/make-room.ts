// Control's part when the disk is short of room: it drops what it alone knows to be unneeded. Nothing is written for that: which
// files are kept is read from the store, and the agent removes the others. Only then are old rows dropped, in the room that
// there is by then. An app at work is passed by; its turn comes with the next round, as long as room is short.
import type { App } from '../domain/app.ts';
import { pruneNow } from '../git/repository.ts';
import { isShort } from '../lib/room.ts';
import { everyApp } from '../store/apps.ts';
import { worthKeeping } from '../store/releases.ts';
import { aloneWith, collectShelf, dropOldRows, keptReleases } from './housekeeping.ts';
import { refOf, type World } from './world.ts';

const lookEveryMs = 1000;
const roundEveryMs = 10_000;

/** Looks after it for as long as control lives. */
export function keepMakingRoom(world: World, home: string): void {
  let isAtWork = false;
  let begunAt = Number.NEGATIVE_INFINITY;
  const look = (): void => {
    if (isAtWork || performance.now() - begunAt < roundEveryMs || !isShortNow(home)) return;
    isAtWork = true;
    begunAt = performance.now();
    void makeRoom(world)
      .catch((error: Error) => world.log({ level: 'warn', message: `room could not be made: ${error.message}` }))
      .finally(() => {
        isAtWork = false;
      });
  };
  const timer = setInterval(look, lookEveryMs);
  timer.unref();
  world.signal.addEventListener('abort', () => clearInterval(timer), { once: true });
}

function isShortNow(home: string): boolean {
  try {
    return isShort(home);
  } catch {
    return false; // a disk that cannot even be asked: nothing can be done here
  }
}

/** One round. What cannot be done for one app is said, and the others have their turn. */
export async function makeRoom(world: World): Promise<void> {
  let bytesFreed = 0;
  for (const app of everyApp(world.database)) {
    try {
      await aloneWith(world, app, async () => {
        const kept = worthKeeping(world.database, app.id, keptReleases);
        bytesFreed += (await world.agent.collect(refOf(app), kept)).bytesFreed;
        bytesFreed += (await collectShelf(world, app)).bytesFreed;
      });
      pruneWhenIdle(world, app);
    } catch (error) {
      world.log({ level: 'warn', message: `room of ${app.id}: ${(error as Error).message}` });
    }
  }
  if (bytesFreed > 0) world.log({ level: 'info', message: 'room was made', bytesFreed });
  dropOldRows(world);
}

function pruneWhenIdle(world: World, app: App): void {
  world.usesOf(app.id).whenIdle(async () => {
    await aloneWith(world, app, async () => pruneNow(await world.repositoryOf(app))).catch((error: Error) =>
      world.log({ level: 'warn', message: `objects of ${app.id}: ${error.message}` }),
    );
  });
}
