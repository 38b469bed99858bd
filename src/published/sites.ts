// From what the checks kept to the sites that are served when the change lands: one a check that left documentation. The
// first one of the repository's top is at "/", the others at the folder of their part or, beside another of the same place,
// at their check's name. Pure.
import type { CheckResult } from '../domain/gate.ts';
import type { DocsSite as Site } from '../domain/release.ts';

/** The name under which a check leaves documentation (`JobSpec.collect`). */
export const docsName = 'docs';
const mostSites = 20;

/** @param below the path that all of them lie below; null: none is published */
export function sitesOf(checks: readonly Pick<CheckResult, 'name' | 'kept'>[], below: string | null = '/'): Site[] {
  if (below === null) return [];
  const top = `/${below
    .split('/')
    .filter((part) => part !== '')
    .map(slug)
    .join('/')}/`.replace('//', '/');
  const sites: Site[] = [];
  for (const { name, kept } of checks) {
    const digest = kept?.[docsName]?.digest;
    if (!digest || sites.length >= mostSites) continue;
    const [, check = name, part = ''] = /^(.*?)(?: \((.*)\))?$/.exec(name) ?? [];
    const wanted = part === '' ? top : `${top}${part.split('/').map(slug).join('/')}/`;
    const places = [
      wanted,
      `${wanted}${slug(check)}/`,
      ...[2, 3, 4].map((count) => `${wanted}${slug(check)}-${count}/`),
    ];
    const at = places.find((place) => !sites.some((site) => site.at === place));
    if (at !== undefined) sites.push({ at, digest });
  }
  return sites;
}

/** A word of an address: nothing in it needs an escape. */
export function slug(text: string): string {
  return text.replaceAll(/[^A-Za-z0-9._-]+/g, '-').replaceAll(/^[-.]+|[-.]+$/g, '') || 'x';
}
