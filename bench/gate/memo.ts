// A tree that was checked before: main goes forth and back between two that are known.
import { join } from 'node:path';
import type { Stage } from '../../test/support/stage.ts';
import { app, bodyEdit, detail, makeWhole } from './subject.ts';

/** Milliseconds from the plan to the verdict, with the release started. @throws when a push did not come from the memo */
export async function measureMemo(stage: Stage, runs: number, isThere: boolean): Promise<number[]> {
  const name = isThere ? app : 'memo';
  const work = isThere ? join(stage.folder, app) : await makeWhole(stage, name);
  if (!isThere) await stage.deploy(work);
  const { file, text } = bodyEdit(work);
  stage.write(work, { [file]: text });
  await stage.commit(work, 'one more');
  await stage.deploy(work);
  const ms: number[] = [];
  for (let run = 0; run < runs; run += 1) {
    await stage.git(work, 'revert', '--no-edit', 'HEAD');
    await stage.deploy(work);
    const { moments, isMemoised } = await detail(stage, name);
    if (!isMemoised) throw new Error('a tree that is known was checked again');
    ms.push(moments.proved - moments.gating);
  }
  return ms;
}
