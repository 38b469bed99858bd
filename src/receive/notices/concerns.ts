// Whether a notice is about an app's image. The app's own reference says what is looked at; a notice can only say that it is time to.
import { hubHost, type ImageReference } from '../../domain/image-reference.ts';
import type { Notice, Pushed } from './notice.ts';

export type Concern =
  | { concerns: true; pushed: Pushed }
  /** In words, for whoever sent it. */
  | { concerns: false; why: string };

export function concernOf(notice: Notice, image: ImageReference): Concern {
  if (notice.pushed.length === 0) return { concerns: false, why: 'it tells of no image that was pushed' };
  const ofRepository = notice.pushed.filter((one) => isOfRepository(one, image));
  if (ofRepository.length === 0) return { concerns: false, why: 'it is about another repository' };
  if (image.digest !== null) return { concerns: false, why: 'the app is held to a digest, which no push changes' };
  const found = ofRepository.find(({ tag }) => tag === null || tag === image.tag);
  return found ? { concerns: true, pushed: found } : { concerns: false, why: 'it is about another tag' };
}

function isOfRepository({ path, host, isWithin }: Pushed, image: ImageReference): boolean {
  // A registry behind another name calls itself what it likes; who names a host that can be compared is held to it.
  if (host !== null && host !== image.host) return false;
  const isOfHub = image.host === hubHost && image.path === `library/${path}`;
  return path === image.path || isOfHub || (isWithin && image.path.startsWith(`${path}/`));
}
