// The Dockerfile of a tree, as its author committed it: a plain file of a size that is read at all.
import { fail } from '../../domain/errors.ts';
import type { TreeView } from '../tree-view.ts';

const dockerfileBytes = 256 * 1024;

/** null: there is none. @throws bad-config for a link, too-large */
export async function ownDockerfile(view: TreeView): Promise<string | null> {
  const file = view.list().find(({ path }) => path === 'Dockerfile');
  if (file === undefined) return null;
  if (!file.mode.startsWith('100'))
    throw fail('bad-config', 'Dockerfile: it is a link; it is read from a plain file only', {
      advice: 'Commit the Dockerfile as a plain file.',
    });
  const bytes = await view.read('Dockerfile', dockerfileBytes);
  if (bytes === null)
    throw fail('too-large', `the Dockerfile has more than ${dockerfileBytes} bytes`, {
      advice: 'Put what is long into files.',
    });
  return bytes.toString('utf8');
}
