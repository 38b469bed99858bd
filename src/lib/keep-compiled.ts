// What Node compiled of the program is kept beside the home, and the next start of the same process reads it instead: control is back
// in 0.38 s instead of 0.64 and needs 55 MB instead of 68 (PSS), for functions come out of the cache as they were last used.
// Node writes it when a process ends by itself. One that is killed never does, and the router may not any more once it has let go of
// its rights: so it is written as soon as the process has begun. Node writes only what it did not find there.
import { flushCompileCache, getCompileCacheDir } from 'node:module';

/** Writes what was compiled so far and is not kept yet. What cannot be written is compiled again. */
export function keepCompiled(): void {
  if (getCompileCacheDir() !== undefined) flushCompileCache();
}
