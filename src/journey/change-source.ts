// The lines around the findings of a change, as they are in its candidate. Few and short: a person wants to see the place, and opens the
// file for more. What the repository no longer has (the objects of a rejected push go after a while) is not shown.
import type { App } from '../domain/app.ts';
import type { Finding } from '../domain/gate.ts';
import type { ObjectId, TreeId } from '../domain/ids.ts';
import type { World } from './world.ts';

/** `lines[0]` is line number `from`, 1-based. */
export type SourceLines = { file: string; line: number; from: number; lines: string[] };

const mostPlaces = 20;
const linesAround = 2;
const fileBytes = 1024 * 1024;
const lineLength = 200;

/** In the order of the findings; places that cannot be shown are left out. */
export async function sourceOf(
  world: World,
  app: App,
  tree: TreeId,
  findings: readonly Finding[],
): Promise<SourceLines[]> {
  const placed = findings.flatMap(({ file, line }) => (file === null || line === null ? [] : [{ file, line }]));
  const wanted = [...new Map(placed.map((one) => [`${one.file}:${one.line}`, one])).values()].slice(0, mostPlaces);
  if (wanted.length === 0) return [];
  const texts = await textsOf(world, app, tree, new Set(wanted.map(({ file }) => file))).catch(() => null);
  return wanted.flatMap(({ file, line }) => {
    const lines = texts?.get(file);
    if (lines === undefined || line > lines.length) return [];
    const from = Math.max(1, line - linesAround);
    const shown = lines.slice(from - 1, line + linesAround).map((one) => one.slice(0, lineLength));
    return [{ file, line, from, lines: shown }];
  });
}

async function textsOf(
  world: World,
  app: App,
  tree: TreeId,
  files: ReadonlySet<string>,
): Promise<Map<string, string[]>> {
  const { git } = await world.repositoryOf(app);
  const entries = (await git.lsTree(tree)).filter(
    ({ path, type, size }) => files.has(path) && type === 'blob' && (size ?? 0) <= fileBytes,
  );
  const contents = new Map<ObjectId, string[]>();
  for await (const { id, content } of git.catFiles(new Set(entries.map(({ id }) => id)), fileBytes))
    if (!content.includes(0)) contents.set(id, content.toString('utf8').split('\n'));
  return new Map(entries.flatMap(({ path, id }) => (contents.has(id) ? [[path, contents.get(id)!] as const] : [])));
}
