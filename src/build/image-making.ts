// An image as the journey has it made: what is asked of the agent, and what goes there with it.
import type { ImageSpec } from '../domain/image.ts';

/** What one image is made of. */
export type ImageMaking = {
  spec: ImageSpec;
  /** A tar stream, made anew at each call. @throws tree-refused, too-large */
  context(): AsyncGenerator<Buffer>;
  /** What the builder will ask back: names of secrets, and hosts of the registries that it begins from. */
  asks: { secrets: readonly string[]; registries: readonly string[] };
};
