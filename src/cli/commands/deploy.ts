// `lockstep deploy NAME [--image REF]`: the registry is asked what the app's image is now, and that goes live by its digest.
import { parseImageReference } from '../../domain/image-reference.ts';
import { parseAppName } from '../../domain/names.ts';
import { finish } from '../finish.ts';
import type { Started } from '../server/follow-progress.ts';
import type { Session } from '../session.ts';

/** @throws bad-image, not-found (it follows none), pull-refused, registry-away, no-engine */
export async function deploy(session: Session): Promise<number> {
  const [word] = session.words;
  const app = word === undefined ? await session.app() : parseAppName(word);
  const named = session.text('image');
  // Refused here before anything is sent; the server gives it its normal form.
  if (named !== undefined) parseImageReference(named);
  const sentAt = performance.now();
  const { body } = await (await session.api()).send<{ image: string; started: Started | null }>(
    'POST',
    `/api/v1/apps/${app}/deploys`,
    named === undefined ? {} : { image: named },
  );
  const { image, started } = body;
  if (started) return finish(session, { verb: 'deploy', how: image, started, sentAt, extra: { image } });
  if (session.isJson) session.printJson({ image, ok: true, started: null });
  else session.print(`${image} is live already`);
  return 0;
}
