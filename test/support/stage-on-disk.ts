// A whole Lockstep whose home is a disk of its own, which a test can fill, freeze or break.
import type { TestContext } from 'node:test';
import { SmallDisk } from './small-disk.ts';
import { Stage } from './stage.ts';

export type StageOnDisk = AsyncDisposable & { stage: Stage; disk: SmallDisk };

/** null: the test is skipped, since this machine does not let it mount anything. */
export async function openOnDisk(context: TestContext, megabytes = 500): Promise<StageOnDisk | null> {
  let disk: SmallDisk | null = null;
  const mount = (home: string): SmallDisk => {
    disk = SmallDisk.mount({ megabytes, at: home });
    if (disk === null) throw new Error('not mounted');
    return disk;
  };
  const stage = await Stage.open({}, undefined, mount).catch((error: Error) => {
    if (error.message !== 'not mounted') throw error;
    context.skip('a disk of its own cannot be mounted here');
    return null;
  });
  if (stage === null) return null;
  const own = disk! as SmallDisk;
  return {
    stage,
    disk: own,
    async [Symbol.asyncDispose]() {
      await stage[Symbol.asyncDispose]();
      own[Symbol.dispose]();
    },
  };
}

/** With a site `blog` of one page that is live, from whose work tree it can be pushed again. */
export async function openSiteOnDisk(context: TestContext): Promise<(StageOnDisk & { work: string }) | null> {
  const opened = await openOnDisk(context);
  if (opened === null) return null;
  const { stage } = opened;
  try {
    const work = await stage.makeApp('blog', { 'index.html': '<h1>Page 1</h1>' });
    await stage.deploy(work);
    await stage.inSync('blog');
    return { ...opened, work };
  } catch (error) {
    await opened[Symbol.asyncDispose]();
    throw error;
  }
}
