// An image as others may have it: what it is made of, and the whole of it as an archive that another engine takes under the same id. Nothing
// is kept on the way; few archives at once, since each reads a whole image from the disk.
import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { EngineLook } from '../../domain/engine.ts';
import { fail } from '../../domain/errors.ts';
import type { ImageId } from '../../domain/ids.ts';
import type { ImageDetails } from '../../domain/live.ts';
import { type Engine, engineAt } from '../engine/engine.ts';
import { EngineRefusal } from '../engine/stream.ts';

export type ImageExports = {
  /** null: there is no engine, or no such image. */
  details(image: ImageId): Promise<ImageDetails | null>;
  /** A tar stream that engines load. @throws no-engine, engine-away, not-found, busy */
  archive(image: ImageId, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
};

const mostAtOnce = 2;

const inspected = z.object({
  Os: z.string(),
  Architecture: z.string(),
  RootFS: z.object({ Layers: z.array(z.string()).nullish() }),
  Config: z
    .object({
      User: z.string().nullish(),
      WorkingDir: z.string().nullish(),
      Env: z.array(z.string()).nullish(),
      Entrypoint: z.array(z.string()).nullish(),
      Cmd: z.array(z.string()).nullish(),
      StopSignal: z.string().nullish(),
      ExposedPorts: z.record(z.string(), z.unknown()).nullish(),
      Volumes: z.record(z.string(), z.unknown()).nullish(),
    })
    .nullish(),
});

/** @param version the engine's. @throws engine-away. null: no such image */
export async function imageDetails(engine: Engine, image: string, version: string): Promise<ImageDetails | null> {
  const { status, body } = await engine.ask('GET', `/images/${image}/json`, { fine: [404] });
  if (status === 404) return null;
  const { Os, Architecture, RootFS, Config } = inspected.parse(body);
  const { User, WorkingDir, Env, Entrypoint, Cmd, StopSignal, ExposedPorts, Volumes } = Config ?? {};
  const said = [User, WorkingDir, Env, Entrypoint, Cmd, StopSignal, keysOf(ExposedPorts), keysOf(Volumes)];
  // Engines say nothing in several ways.
  const config = said.map((one) => (one == null || one.length === 0 ? null : one));
  return {
    layers: RootFS.Layers ?? [],
    platform: `${Os}/${Architecture}`,
    config: `sha256:${createHash('sha256').update(JSON.stringify(config)).digest('hex')}`,
    engine: version,
  };
}

const keysOf = (value: object | null | undefined): string[] => Object.keys(value ?? {}).sort();

export function openImageExports({ socket, look }: { socket: string; look(): Promise<EngineLook> }): ImageExports {
  const engine = engineAt(socket);
  let atWork = 0;
  return {
    async details(image) {
      const seen = await look();
      return seen.state === 'ready' ? imageDetails(engine, image, seen.facts.version) : null;
    },
    async archive(image, signal) {
      const seen = await look();
      if (seen.state !== 'ready')
        throw fail(seen.state === 'hung' ? 'engine-away' : 'no-engine', seen.why, { advice: seen.advice });
      if (atWork >= mostAtOnce)
        throw fail('busy', `${mostAtOnce} images are being fetched already`, { advice: 'Try again in a moment.' });
      atWork += 1;
      let isCounted = true;
      const leave = (): void => {
        if (isCounted) atWork -= 1;
        isCounted = false;
      };
      signal.addEventListener('abort', leave, { once: true });
      try {
        const bytes = await engine.bytes(`/images/${image}/get`, signal);
        bytes.once('close', leave);
        return bytes as AsyncIterable<Uint8Array>;
      } catch (error) {
        leave();
        if (error instanceof EngineRefusal && error.status === 404)
          throw fail('not-found', `the image ${image.slice(7, 19)} is not on the server's engine any more`);
        throw error;
      }
    },
  };
}
