// What the engine says of images, read strictly: an answer of another form is no image.
import { z } from 'zod';
import { type ImageId, parseImageId } from '../../domain/ids.ts';
import type { ImageFacts } from '../../domain/image.ts';
import type { PulledImage } from '../../domain/pull.ts';
import { jsonOf } from '../engine/json-of.ts';

const imageId = z.custom<ImageId>((value) => typeof value === 'string' && parseImageId(value) !== null);
const config = z.object({
  ExposedPorts: z.record(z.string(), z.unknown()).nullish(),
  Entrypoint: z.array(z.string()).nullish(),
  Cmd: z.array(z.string()).nullish(),
  Labels: z.record(z.string(), z.string()).nullish(),
});
const inspected = z.object({
  Id: imageId,
  Size: z.number().nullish(),
  Config: config.nullish(),
  RootFS: z.object({ Layers: z.array(z.string()).nullish() }).nullish(),
});
const listed = z.array(z.object({ Id: imageId, Size: z.number(), RepoTags: z.array(z.string()).nullish() }));

/** How it is started, as far as it says so itself. */
function startOf(said: z.output<typeof config> | null | undefined): Pick<ImageFacts, 'ports' | 'hasOwnCommand'> {
  const { ExposedPorts, Entrypoint, Cmd } = said ?? {};
  const ports = Object.keys(ExposedPorts ?? {}).flatMap((port) => /^(\d{1,5})\/tcp$/.exec(port)?.[1] ?? []);
  return {
    ports: ports.map(Number).sort((a, b) => a - b),
    hasOwnCommand: (Entrypoint ?? []).length > 0 || (Cmd ?? []).length > 0,
  };
}

/** @param labels those that it must bear; null: it is another image */
export function factsOfImage(body: string, labels: Readonly<Record<string, string>>): ImageFacts | null {
  const { data } = inspected.safeParse(jsonOf(body));
  if (!data) return null;
  if (Object.entries(labels).some(([name, value]) => data.Config?.Labels?.[name] !== value)) return null;
  return { id: data.Id, ...startOf(data.Config), layers: data.RootFS?.Layers ?? [] };
}

/** Whoever made it. */
export function factsOfPulled(body: string): Omit<PulledImage, 'wasThere' | 'durationMs'> | null {
  const { data } = inspected.safeParse(jsonOf(body));
  if (data?.Size == null) return null;
  return { id: data.Id, ...startOf(data.Config), bytes: data.Size };
}

export function listOfImages(body: string): { id: string; bytes: number; tags: readonly string[] }[] {
  const { data = [] } = listed.safeParse(jsonOf(body));
  return data.map(({ Id, Size, RepoTags }) => ({
    ...{ id: Id, bytes: Size },
    tags: (RepoTags ?? []).filter((tag) => tag !== '<none>:<none>'),
  }));
}

/** Where the engine keeps its data, of its own word about itself. */
export function dataRootOf(body: string): string {
  const { data } = z.object({ DockerRootDir: z.string().startsWith('/') }).safeParse(jsonOf(body));
  return data?.DockerRootDir ?? '/var/lib/docker';
}

/** What a pruning has freed. */
export const freedIn = (body: string): number =>
  z.object({ SpaceReclaimed: z.number() }).safeParse(jsonOf(body)).data?.SpaceReclaimed ?? 0;
