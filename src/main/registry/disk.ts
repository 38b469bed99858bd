// The registry's disk, looked at and rid of what nothing needs: a program of its own, that runs as the registry's user, so that whatever lies
// there it reaches nothing else. `up` starts it with an order on its standard input, and reads the answer from its output. It removes only while
// no registry serves (`clear`, `links`), or a repository that nobody may enter any more (`drop`). Layers are freed by the registry's own
// collector, which goes by what images there are: so images go here first, and links to layers that are no more go after it.
// Usage: node disk.ts FOLDER < order.json
import { existsSync, lstatSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { parseDigest, parsePath } from '../../domain/image-reference.ts';
import { appOfRepository, type RegistryDisk } from '../../domain/own-image.ts';

const repositoryName = z.string().refine((text) => parsePath(text) !== null);
const needs = { apps: z.array(z.string()), keep: z.array(z.string()), graceMs: z.number() };
export const diskOrder = z.discriminatedUnion('what', [
  z.strictObject({ what: z.literal('measure'), ...needs }),
  z.strictObject({ what: z.literal('clear'), ...needs }),
  z.strictObject({ what: z.literal('links'), ...needs }),
  z.strictObject({ what: z.literal('drop'), names: z.array(repositoryName) }),
]);
export type DiskOrder = z.output<typeof diskOrder>;
type Needs = Pick<Extract<DiskOrder, { what: 'clear' }>, 'apps' | 'keep' | 'graceMs'>;

/** An index is read for what it names; a larger one is none of a registry. */
const mostManifestBytes = 4 * 1024 ** 2;
const mostDeep = 40;

export function carryOutOn(data: string, order: DiskOrder): RegistryDisk {
  const disk = new Disk(data);
  if (order.what === 'drop') {
    for (const name of order.names) rmSync(join(disk.repositories, name), { recursive: true, force: true });
    return { repositories: [], bytesOfApps: {}, bytes: 0 };
  }
  const names = disk.names();
  if (order.what === 'links') for (const name of names) disk.dropDeadLinks(name);
  const found = names.map((name) => disk.look(name, order));
  if (order.what === 'clear') for (const one of found) disk.clear(one, order);
  const sums = new Map<string, Map<string, number>>();
  for (const { name, blobs } of found) {
    const app = appOfRepository(name);
    const sum = sums.get(app) ?? new Map<string, number>();
    sums.set(app, new Map([...sum, ...blobs]));
  }
  return {
    repositories: found.map(({ name, blobs, tags, needless }) => ({
      ...{ name, tags, bytes: total(blobs), needless: needless.length },
    })),
    bytesOfApps: Object.fromEntries([...sums].map(([app, blobs]) => [app, total(blobs)])),
    bytes: bytesBelow(data),
  };
}

type Found = { name: string; blobs: Map<string, number>; tags: number; needless: string[] };

class Disk {
  readonly repositories: string;
  readonly #blobs: string;

  constructor(data: string) {
    this.repositories = join(data, 'docker', 'registry', 'v2', 'repositories');
    this.#blobs = join(data, 'docker', 'registry', 'v2', 'blobs', 'sha256');
  }

  /** Every folder that holds a repository, by its name. */
  names(): string[] {
    const found: string[] = [];
    const walk = (name: string, depth: number): void => {
      const inside = foldersIn(join(this.repositories, name));
      if (inside.some((one) => one.startsWith('_'))) found.push(name);
      if (depth < mostDeep)
        for (const one of inside) if (!one.startsWith('_')) walk(name === '' ? one : `${name}/${one}`, depth + 1);
    };
    walk('', 0);
    return found.filter((name) => parsePath(name) !== null);
  }

  look(name: string, { apps, keep, graceMs }: Needs): Found {
    const images = this.#digests(name, '_manifests/revisions/sha256');
    const tags = foldersIn(join(this.repositories, name, '_manifests', 'tags'));
    const needed = new Set<string>();
    if (apps.includes(appOfRepository(name))) {
      const kept = new Set(keep);
      const isKept = (one: string): boolean => kept.has(one) || this.#ageMs(name, one) < graceMs;
      const roots = [...tags.map((tag) => this.#tagged(name, tag)), ...images.filter(isKept)];
      for (const root of roots) if (root !== null) this.#need(root, needed);
    }
    const blobs = new Map<string, number>();
    for (const digest of [...images, ...this.#digests(name, '_layers/sha256')]) blobs.set(digest, this.#size(digest));
    for (const upload of foldersIn(join(this.repositories, name, '_uploads')))
      blobs.set(`${name} ${upload}`, bytesBelow(join(this.repositories, name, '_uploads', upload)));
    return { name, blobs, tags: tags.length, needless: images.filter((one) => !needed.has(one)) };
  }

  clear({ name, needless }: Found, { apps }: Needs): void {
    const folder = join(this.repositories, name);
    if (!apps.includes(appOfRepository(name))) {
      rmSync(folder, { recursive: true, force: true });
      return;
    }
    const tags = foldersIn(join(folder, '_manifests', 'tags'));
    for (const digest of needless) {
      const hex = digest.slice('sha256:'.length);
      for (const tag of tags)
        rmSync(join(folder, '_manifests', 'tags', tag, 'index', 'sha256', hex), { recursive: true, force: true });
      rmSync(join(folder, '_manifests', 'revisions', 'sha256', hex), { recursive: true, force: true });
    }
  }

  /** Links to layers that the collector has removed. */
  dropDeadLinks(name: string): void {
    for (const digest of this.#digests(name, '_layers/sha256'))
      if (!existsSync(this.#data(digest)))
        rmSync(join(this.repositories, name, '_layers', 'sha256', digest.slice('sha256:'.length)), {
          ...{ recursive: true, force: true },
        });
  }

  /** With all that an index names. */
  #need(digest: string, needed: Set<string>): void {
    if (needed.has(digest)) return;
    needed.add(digest);
    if (this.#size(digest) > mostManifestBytes) return;
    for (const child of childrenOf(this.#data(digest))) this.#need(child, needed);
  }

  #digests(name: string, below: string): string[] {
    return foldersIn(join(this.repositories, name, below)).flatMap((hex) => parseDigest(`sha256:${hex}`) ?? []);
  }

  #tagged(name: string, tag: string): string | null {
    try {
      return parseDigest(
        readFileSync(join(this.repositories, name, '_manifests', 'tags', tag, 'current', 'link'), 'utf8').trim(),
      );
    } catch {
      return null;
    }
  }

  #ageMs(name: string, digest: string): number {
    const link = join(this.repositories, name, '_manifests/revisions/sha256', digest.slice('sha256:'.length), 'link');
    return Date.now() - (lstatSync(link, { throwIfNoEntry: false })?.mtimeMs ?? 0);
  }

  #size(digest: string): number {
    return lstatSync(this.#data(digest), { throwIfNoEntry: false })?.size ?? 0;
  }

  #data(digest: string): string {
    const hex = digest.slice('sha256:'.length);
    return join(this.#blobs, hex.slice(0, 2), hex, 'data');
  }
}

function childrenOf(file: string): string[] {
  try {
    const { manifests } = JSON.parse(readFileSync(file, 'utf8')) as { manifests?: unknown };
    if (!Array.isArray(manifests)) return [];
    return manifests.flatMap((one: { digest?: unknown } | null) => parseDigest(String(one?.digest)) ?? []);
  } catch {
    return [];
  }
}

const total = (blobs: ReadonlyMap<string, number>): number =>
  [...blobs.values()].reduce((sum, bytes) => sum + bytes, 0);

/** Follows no link. */
function foldersIn(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).flatMap((one) => (one.isDirectory() ? [one.name] : []));
  } catch {
    return [];
  }
}

function bytesBelow(folder: string): number {
  let bytes = 0;
  for (const one of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, one.name);
    if (one.isDirectory()) bytes += bytesBelow(path);
    else bytes += lstatSync(path, { throwIfNoEntry: false })?.size ?? 0;
  }
  return bytes;
}

if (import.meta.main) {
  const order = diskOrder.parse(JSON.parse(readFileSync(0, 'utf8')));
  process.stdout.write(JSON.stringify(carryOutOn(process.argv[2]!, order)));
}
