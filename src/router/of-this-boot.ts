// Whether the routes on disk are of this boot of the machine. After a power failure they may lack their last changes, and whom they
// name is dead in any case: its port may be anybody's by now. So until the agent has sent the present ones (its document is synced
// before a switch is) requests are held as for an app that starts, and nothing is dialled by an old table.
//
// `boot` beside the snapshot says in which boot it was last written. It is written after the first snapshot of a boot, and before
// that is in force. Where it is missing (a router of an earlier version left the snapshot) the routes are believed.
import { readFile } from 'node:fs/promises';
import { diskFailure } from '../domain/disk-failure.ts';
import type { Route, RouteSnapshot } from '../domain/route.ts';
import { atomicWrite } from '../lib/atomic-write.ts';

export type BootMark = {
  /** The routes on disk were written in another boot. */
  readonly isOfAnother: boolean;
  /** Says that they are of this one; after the first time at no cost. @throws disk-full, disk-failed */
  set(): Promise<void>;
};

export async function readBootMark(file: string, boot: string): Promise<BootMark> {
  const said = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    return error.code === 'ENOENT' ? null : '';
  });
  let isSet = said === `${boot}\n`;
  return {
    isOfAnother: said !== null && !isSet,
    async set() {
      if (isSet) return;
      await atomicWrite(file, `${boot}\n`).catch((error: unknown) => {
        throw diskFailure(error, 'The route snapshot could not be written') ?? error;
      });
      isSet = true;
    },
  };
}

/** The same hosts and apps, of which nobody is there to be asked yet. */
export function withoutUpstreams(snapshot: RouteSnapshot): RouteSnapshot {
  const waiting = (route: Route): Route =>
    route.state === 'serving' ? { ...route, state: 'starting', upstreams: [] } : route;
  return { ...snapshot, routes: snapshot.routes.map(waiting) };
}
