// `lockstep dockerfile`: a Dockerfile made from the plan that a deploy of this checkout would follow. Nothing is written: the text goes to
// standard output, what is worth knowing to standard error.
import { fail } from '../../domain/errors.ts';
import { safe } from '../../gate/messages.ts';
import type { Session } from '../session.ts';
import { openCheckout, treeOfWork } from '../work-tree/snapshot.ts';

export async function dockerfile(session: Session): Promise<number> {
  const { io } = session;
  const checkout = await openCheckout(io.cwd, io.env, undefined);
  if (session.has('committed') && checkout.head === null)
    throw fail('bad-request', 'there is no commit yet', { advice: 'Commit first, or leave --committed out.' });
  const { localDockerfile } = await import('../../main/local/dockerfile.ts');
  const { text, notes, hasOwn } = await localDockerfile({
    objects: checkout.objects,
    treeInto: async (objects) =>
      session.has('committed') ? checkout.head!.tree : await treeOfWork(checkout, io.env, objects),
  });
  const said = hasOwn ? ['the repository has a Dockerfile of its own, which this does not look at', ...notes] : notes;
  if (session.isJson) session.printJson({ dockerfile: text, notes: said });
  else session.print(text.trimEnd());
  if (!session.isJson) for (const note of said) session.note(`note: ${safe(note)}`);
  return 0;
}
