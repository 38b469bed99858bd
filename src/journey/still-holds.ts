// What of a kept verdict stands when it is known what would serve. A tree that runs as processes is all that its verdict is about. In an image there
// is more than the tree (what it began with may have moved, it may have been built anew): then the verdict is one of that image, and of
// another nobody knows. The image of a tree that was there before is found and not built, so this costs milliseconds.
import type { Build } from '../build/build.ts';
import type { Verdict } from '../domain/gate.ts';
import type { ImageArtifact } from '../domain/release.ts';
import { beginImage, type MaterialsAsked } from './materials.ts';
import { isAbout } from './memo.ts';
import type { World } from './world.ts';

export type Recalled = { known: Verdict | null; refused: Verdict | null };

/** `image` null: it was not asked for yet. */
export async function stillHolds(
  world: World,
  asked: Pick<MaterialsAsked, 'app' | 'say' | 'signal' | 'left'> & { build: Build; isToServe: boolean },
  { known, refused }: Recalled,
): Promise<Recalled & { image: Promise<ImageArtifact | null> | null }> {
  const { build } = asked;
  const recalled = known ?? refused;
  if (recalled === null) return { known, refused, image: null };
  // Whoever lands it asks whether it is the same image; one who only looks makes none for that.
  if (known?.image && !asked.isToServe) return { known, refused, image: null };
  const image = build.image && beginImage(world, asked);
  const made = image && (await image.catch(() => undefined));
  // The build says why, and nothing else is asked.
  if (made === undefined) return { known, refused: null, image };
  if (isAbout(recalled, made?.id ?? null)) return { known, refused, image };
  asked.say('this tree was checked, and not in this image: its checks run again');
  return { known: null, refused: null, image };
}
