// The Dockerfile that Lockstep would write for a checkout, from its files alone.
import { writeDockerfile } from '../../build/dockerfile/dockerfile.ts';
import type { TreeId } from '../../domain/ids.ts';
import { withTree } from './plan.ts';

export type LocalDockerfile = {
  text: string;
  notes: readonly string[];
  /** The repository has one of its own. */
  hasOwn: boolean;
};

/** @throws bad-config, no-detector */
export async function localDockerfile(request: {
  objects: string;
  treeInto(objects: string): Promise<TreeId>;
}): Promise<LocalDockerfile> {
  return withTree({ ...request, baseTree: null }, async ({ view }) => {
    const paths = new Set(view.list().map(({ path }) => path));
    const { text, notes } = await writeDockerfile(view);
    const ignore = paths.has('.dockerignore')
      ? []
      : ['there is no .dockerignore: with docker build, let it name .git and what is not committed'];
    return { text, notes: [...notes, ...ignore], hasOwn: paths.has('Dockerfile') };
  });
}
