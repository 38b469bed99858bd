// What the engine says of images, read strictly: an answer of another form is no image.
import { z } from 'zod';
import { parseImageId } from '../../domain/ids.ts';
import type { ImageFacts } from '../../domain/image.ts';

const imageId = z.string().refine((text) => parseImageId(text) !== null);
const inspected = z.object({
  Id: imageId,
  Config: z
    .object({
      ExposedPorts: z.record(z.string(), z.unknown()).nullish(),
      Entrypoint: z.array(z.string()).nullish(),
      Cmd: z.array(z.string()).nullish(),
      Labels: z.record(z.string(), z.string()).nullish(),
    })
    .nullish(),
  RootFS: z.object({ Layers: z.array(z.string()).nullish() }).nullish(),
});
const listed = z.array(z.object({ Id: imageId, Size: z.number(), RepoTags: z.array(z.string()).nullish() }));

/** @param labels those that it must bear; null: it is another image */
export function factsOfImage(body: string, labels: Readonly<Record<string, string>>): ImageFacts | null {
  const { data } = inspected.safeParse(JSON.parse(body));
  if (!data) return null;
  const { ExposedPorts, Entrypoint, Cmd, Labels } = data.Config ?? {};
  if (Object.entries(labels).some(([name, value]) => Labels?.[name] !== value)) return null;
  const ports = Object.keys(ExposedPorts ?? {}).flatMap((port) => /^(\d{1,5})\/tcp$/.exec(port)?.[1] ?? []);
  return {
    id: data.Id,
    ports: ports.map(Number).sort((a, b) => a - b),
    hasOwnCommand: (Entrypoint ?? []).length > 0 || (Cmd ?? []).length > 0,
    layers: data.RootFS?.Layers ?? [],
  };
}

export function listOfImages(body: string): { id: string; bytes: number; tags: readonly string[] }[] {
  const { data = [] } = listed.safeParse(JSON.parse(body));
  return data.map(({ Id, Size, RepoTags }) => ({
    ...{ id: Id, bytes: Size },
    tags: (RepoTags ?? []).filter((tag) => tag !== '<none>:<none>'),
  }));
}

/** Where the engine keeps its data, of its own word about itself. */
export function dataRootOf(body: string): string {
  const { data } = z.object({ DockerRootDir: z.string().startsWith('/') }).safeParse(JSON.parse(body));
  return data?.DockerRootDir ?? '/var/lib/docker';
}

/** What a pruning has freed. */
export const freedIn = (body: string): number =>
  z.object({ SpaceReclaimed: z.number() }).safeParse(JSON.parse(body)).data?.SpaceReclaimed ?? 0;
