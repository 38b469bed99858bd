// What an image says of itself, as far as a start must know it. An id names the same content for ever, so that what was read once is remembered;
// whether it is still there the start finds out.
import { z } from 'zod';
import { fail, isFailure } from '../../../domain/errors.ts';
import type { ImageId } from '../../../domain/ids.ts';
import type { Engine } from '../../engine/engine.ts';
import { EngineRefusal } from '../../engine/stream.ts';

export type ImageFacts = {
  /** Absolute. */
  workingDir: string;
  /** "" is root; a name or a number, with a group or without. */
  user: string;
  /** ENTRYPOINT and CMD. */
  argv: readonly string[];
  stopSignal: string;
};

const answer = z.object({
  Config: z
    .object({
      WorkingDir: z.string().nullish(),
      User: z.string().nullish(),
      Entrypoint: z.array(z.string()).nullish(),
      Cmd: z.array(z.string()).nullish(),
      StopSignal: z.string().nullish(),
    })
    .nullish(),
});

const mostRemembered = 500;

/** @throws from the function: engine-away; bad-config with `lacks` when the image is not on this machine */
export function imageFacts(engine: Engine): (id: ImageId) => Promise<ImageFacts> {
  const known = new Map<ImageId, ImageFacts>();
  return async (id) => {
    const before = known.get(id);
    if (before !== undefined) return before;
    const { body } = await engine.ask('GET', `/images/${id}/json`).catch((error: unknown) => {
      throw isNoImage(error) ? imageLacks(id) : error;
    });
    const config = answer.parse(body).Config ?? {};
    const facts: ImageFacts = {
      workingDir: config.WorkingDir?.startsWith('/') ? config.WorkingDir : '/',
      user: config.User ?? '',
      argv: [...(config.Entrypoint ?? []), ...(config.Cmd ?? [])],
      stopSignal: config.StopSignal || 'SIGTERM',
    };
    if (known.size >= mostRemembered) known.clear();
    known.set(id, facts);
    return facts;
  };
}

export const isNoImage = (error: unknown): boolean =>
  !isFailure(error) && error instanceof EngineRefusal && error.status === 404;

/** It was removed behind our back. */
export const imageLacks = (id: ImageId) =>
  fail('bad-config', `The image ${id.slice(7, 19)} is not on this machine.`, {
    advice: 'Lockstep makes it again by itself; the log of control says when it cannot.',
    details: { lacks: ['image'] },
  });
