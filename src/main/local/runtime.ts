// How a tree is to run, as its files say: nobody is asked for it.
import { isForEngine } from '../../build/decide-runtime.ts';
import { readProjectConfig } from '../../build/plan.ts';
import type { TreeId } from '../../domain/ids.ts';
import { withTree } from './plan.ts';

/** @throws bad-config */
export const isOfProcesses = (asked: {
  objects: string;
  treeInto(objects: string): Promise<TreeId>;
}): Promise<boolean> =>
  withTree(
    { ...asked, baseTree: null },
    async ({ view }) => !isForEngine(view, (await readProjectConfig(view)).lockstepYml),
  );
