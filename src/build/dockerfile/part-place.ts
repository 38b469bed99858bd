// Where a folder of the commit lies in a stage of a Dockerfile, as its COPY and ADD lines say; and which stage holds a language. Pure, and never a
// guess: what cannot be read surely (patterns, variables, what a RUN moves) has no place, and its checks run outside of the image.
import { posix } from 'node:path';
import { chainOf, type DockerfileFacts, type Stage } from './read-dockerfile.ts';
import type { Instruction } from './read-lines.ts';
import { filled, pairsOf } from './read-words.ts';

const mostDepth = 10;

/**
 * @param root '' the top, else a folder with its last slash
 * @param isFile whether a path of the commit is a file
 * @returns an absolute path; null: it is not there as a whole, or nobody can say
 */
export function placeOf(
  facts: Pick<DockerfileFacts, 'stages'>,
  stage: Stage,
  root: string,
  isFile: (path: string) => boolean,
  depth = 0,
): string | null {
  if (depth > mostDepth) return null;
  const values = new Map<string, string>();
  /** null: whatever the image it begins with says. */
  let folder: string | null = null;
  let place: string | null = null;
  const absolute = (path: string): string | null =>
    path.startsWith('/') ? posix.normalize(path) : folder === null ? null : posix.join(folder, path);
  for (const one of chainOf(facts.stages, stage).flatMap(({ instructions }) => instructions)) {
    if (one.name === 'ARG' || one.name === 'ENV')
      for (const [name, value] of pairsOf(one)) values.set(name, filled(value, values));
    if (one.name === 'WORKDIR') folder = absolute(filled(one.text.trim(), values).replace(/^(["'])(.*)\1$/, '$2'));
    if (one.name !== 'COPY' && one.name !== 'ADD') continue;
    const copy = copyOf(one, values);
    const target = copy && absolute(copy.to);
    if (copy === null || target === null) continue;
    const from = copy.from === null ? null : stageNamed(facts.stages, copy.from);
    if (from === undefined) continue;
    for (const source of copy.sources) {
      const found =
        from === null
          ? withinTree(source, target, copy.to, root, isFile)
          : within(placeOf(facts, from, root, isFile, depth + 1), source, target);
      place = found ?? place;
    }
  }
  return place === null ? null : place.replace(/(?!^)\/$/, '');
}

/** Of a folder only what lies in it is copied. */
function withinTree(
  source: string,
  target: string,
  to: string,
  root: string,
  isFile: (path: string) => boolean,
): string | null {
  const path = posix.normalize(source).replace(/^\/+|\/+$/g, '');
  const clean = path === '.' ? '' : path;
  // Of the whole commit single pieces may lie anywhere.
  if (root === '') return clean === '' ? target : null;
  if (isFile(clean)) {
    const rest = clean.startsWith(root) ? clean.slice(root.length) : null;
    const isFolder = /(?:^|\/)\.?$/.test(to);
    return rest !== null && rest !== '' && !rest.includes('/') && isFolder ? target : null;
  }
  if (clean === '' || root.startsWith(`${clean}/`))
    return posix.join(target, root.slice(clean === '' ? 0 : clean.length + 1));
  const rest = clean.startsWith(root) ? clean.slice(root.length) : '';
  return rest !== '' && target.endsWith(`/${rest}`) ? target.slice(0, -rest.length) : null;
}

/** What lies at `place` in the other stage, of which `source` is copied to `target`. */
function within(place: string | null, source: string, target: string): string | null {
  if (place === null || !source.startsWith('/')) return null;
  const folder = posix.normalize(`${source}/`);
  return `${place}/`.startsWith(folder) ? posix.join(target, `${place}/`.slice(folder.length)) : null;
}

const stageNamed = (stages: readonly Stage[], name: string): Stage | undefined =>
  stages.find((one) => one.name === name.toLowerCase()) ?? (/^\d+$/.test(name) ? stages[Number(name)] : undefined);

/** null: it cannot be read surely. */
function copyOf(
  { text, documents }: Instruction,
  values: ReadonlyMap<string, string>,
): { from: string | null; sources: string[]; to: string } | null {
  if (documents.length > 0) return null;
  let rest = text.trim();
  let from: string | null = null;
  for (let flag = /^--([\w-]+)(?:=(\S*))?\s+/.exec(rest); flag; flag = /^--([\w-]+)(?:=(\S*))?\s+/.exec(rest)) {
    if (flag[1] === 'from') from = flag[2] ?? '';
    if (flag[1] === 'parents' || flag[1] === 'exclude') return null;
    rest = rest.slice(flag[0].length);
  }
  const words = rest.startsWith('[') ? listOf(rest) : rest.split(/\s+/);
  const read = words?.map((word) => filled(word, values)) ?? [];
  if (read.length < 2 || read.some((word) => /[*?[\]\\$"']/.test(word) || word.includes('://'))) return null;
  return { from, sources: read.slice(0, -1), to: read.at(-1)! };
}

function listOf(text: string): string[] | null {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) && value.every((word) => typeof word === 'string') ? value : null;
  } catch {
    return null;
  }
}
