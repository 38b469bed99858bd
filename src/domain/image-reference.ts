// The name of an image in a registry, by the grammar of the distribution reference: `[host[:port]/]path[:tag][@sha256:…]`. Read once at the
// edge and written in one normal form, so that two names are the same image exactly when their texts are equal: `nginx` is
// `docker.io/library/nginx:latest`. What a registry would call something else (an id, another digest algorithm) is refused.
import { fail } from './errors.ts';
import type { Digest } from './ids.ts';
import { printable } from './names.ts';

export type ImageReference = {
  /** Lower case, with its port when one was named. */
  host: string;
  /** The repository at that host. */
  path: string;
  /** null only beside a digest. */
  tag: string | null;
  digest: Digest | null;
};

export const hubHost = 'docker.io';
/** Host and path together, as registries have it. */
const nameLength = 255;
/** Longer is no reference, whatever it holds. */
const textLength = 600;

const label = '[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?';
const hostPattern = new RegExp(`^(?:${label}(?:\\.${label})*|\\[[0-9a-fA-F:]+\\])(?::[0-9]{1,5})?$`);
const pathPattern = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*$/;
const tagPattern = /^\w[\w.-]{0,127}$/;
const digestPattern = /^sha256:[0-9a-f]{64}$/;

/** @throws bad-image */
export function parseImageReference(text: string): ImageReference {
  const refuse = (why: string): never => {
    throw fail('bad-image', `"${printable(text)}" names no image: ${why}`, {
      advice: 'Use [host[:port]/]repository[:tag][@sha256:…], for example ghcr.io/team/web:latest.',
    });
  };
  if (text.length > textLength) return refuse('it is too long');
  const at = text.indexOf('@');
  const digest = at < 0 ? null : parseDigest(text.slice(at + 1));
  if (at >= 0 && digest === null) return refuse('what follows the @ is no sha256 digest');
  const named = at < 0 ? text : text.slice(0, at);
  // A colon before the last slash is a port's.
  const colon = named.indexOf(':', named.lastIndexOf('/') + 1);
  const tag = colon < 0 ? null : parseTag(named.slice(colon + 1));
  if (colon >= 0 && tag === null) return refuse('what follows the colon is no tag');
  const place = parseRepository(colon < 0 ? named : named.slice(0, colon));
  if (place === null) return refuse('the repository is not of lower-case words, joined by "/", ".", "_" and "-"');
  return { ...place, tag: tag ?? (digest === null ? 'latest' : null), digest };
}

/** Where a repository is: `web` is at Docker Hub, in `library`. null: it is none. */
export function parseRepository(text: string): Pick<ImageReference, 'host' | 'path'> | null {
  const { host, rest } = splitHost(text);
  // The engine takes such a name for the id of an image.
  if (host === null && /^[0-9a-f]{64}$/.test(rest)) return null;
  const at = host ?? hubHost;
  const path = parsePath(at === hubHost && !rest.includes('/') ? `library/${rest}` : rest);
  if (!hostPattern.test(at) || path === null || `${at}/${path}`.length > nameLength) return null;
  const port = /:(\d+)$/.exec(at.replace(/^\[.*\]/, ''))?.[1];
  return port !== undefined && (Number(port) < 1 || Number(port) > 65_535) ? null : { host: at, path };
}

/** The first part is a host when it has a dot or a port, or is `localhost`. null: none is named. */
function splitHost(text: string): { host: string | null; rest: string } {
  const slash = text.indexOf('/');
  const first = slash < 0 ? '' : text.slice(0, slash);
  const isHost = /[.:]/.test(first) || first === 'localhost';
  if (!isHost) return { host: null, rest: text };
  const host = first.toLowerCase();
  const isHub = host === 'index.docker.io' || host === 'registry-1.docker.io';
  return { host: isHub ? hubHost : host, rest: text.slice(slash + 1) };
}

export const namesHost = (repository: string): boolean => splitHost(repository).host !== null;

/** A repository as its registry calls it. */
export const parsePath = (text: string): string | null =>
  text.length <= nameLength && pathPattern.test(text) ? text : null;

export const parseTag = (text: string): string | null => (tagPattern.test(text) ? text : null);

export const parseDigest = (text: string): Digest | null => (digestPattern.test(text) ? (text as Digest) : null);

/** `host/path`, as a registry and the engine know it. */
export const repositoryOf = ({ host, path }: Pick<ImageReference, 'host' | 'path'>): string => `${host}/${path}`;

/** The one normal form; reading it gives the same again. */
export const imageText = (image: ImageReference): string =>
  repositoryOf(image) + (image.tag === null ? '' : `:${image.tag}`) + (image.digest === null ? '' : `@${image.digest}`);

/** The host of a registry as images name it: `ghcr.io`, `localhost:5000`. @throws bad-image */
export function parseRegistryHost(text: string): string {
  const place = parseRepository(`${text}/x`);
  if (place !== null && (place.host === text.toLowerCase() || /^(?:index|registry-1)\.docker\.io$/.test(text)))
    return place.host;
  throw fail('bad-image', `"${printable(text)}" is no host of a registry`, {
    advice: 'Name it as images do, without a scheme or a path: ghcr.io, registry.example.org:5000, docker.io',
  });
}
