// The same push with more files changed, and in the repository of a larger project. The first of each is not counted: it brings
// the new files.
import { randomBytes } from 'node:crypto';
import type { Page } from '../../scripts/demo/timeline.ts';
import type { Arena } from './arena.ts';
import { type Spread, spreadOf } from './report.ts';
import { missingOf, stagesOf } from './stages.ts';
import { freshPage } from './subject.ts';

export type Variant = {
  name: string;
  pushToLive: Spread;
  ownShare: Spread;
  /** From the push's request to its place in the turn; tree read and written. */
  receive: Spread;
  tree: Spread;
  wrong: string[];
};

export type Shape = { changed: number; files: number };

/** The shapes of the issue; 5,000 files come last, for they stay. */
export const shapes: readonly Shape[] = [
  { changed: 1, files: 0 },
  { changed: 5, files: 0 },
  { changed: 20, files: 0 },
  { changed: 1, files: 5000 },
];

export async function measureVariant(arena: Arena, { changed, files }: Shape, runs: number): Promise<Variant> {
  const figures = {
    pushToLive: [] as number[],
    ownShare: [] as number[],
    receive: [] as number[],
    tree: [] as number[],
  };
  const wrong = new Set<string>();
  if (files > 0) arena.stage.write(arena.work, projectOf(files));
  for (let run = 0; run <= runs; run += 1) {
    const page: Page = { headline: freshPage().headline, lead: arena.page.lead };
    arena.stage.write(arena.work, partsOf(changed - 1));
    await arena.write(page);
    const { startedAt, firstByteAt, change } = await arena.push(page);
    if (run === 0) continue;
    for (const why of missingOf(change)) wrong.add(why);
    const { ownMs, stages } = stagesOf(change, startedAt, firstByteAt);
    const sum = (...names: string[]) =>
      stages.filter(({ name }) => names.includes(name)).reduce((all, { ms }) => all + ms, 0);
    figures.pushToLive.push(firstByteAt - startedAt);
    figures.ownShare.push(ownMs);
    figures.receive.push(sum('transfer', 'receive', 'admit'));
    figures.tree.push(sum('read tree', 'plan', 'place tree'));
  }
  const spread = Object.fromEntries(Object.entries(figures).map(([name, values]) => [name, spreadOf(values)!]));
  const name = `${changed} ${changed === 1 ? 'file' : 'files'} changed${files > 0 ? `, ${files} files in the project` : ''}`;
  return { name, ...(spread as Pick<Variant, keyof typeof figures>), wrong: [...wrong] };
}

/** Python files with one line that is new; checked by the style check, run by nobody. */
function partsOf(count: number): Record<string, string> {
  return Object.fromEntries(
    Array.from({ length: count }, (_, at) => [
      `tests/parts/part_${at}.py`,
      `"""A part of the project."""\n\nTEXT = "${randomBytes(6).toString('hex')}"\n`,
    ]),
  );
}

/** Small files in folders of fifty. */
function projectOf(count: number): Record<string, string> {
  return Object.fromEntries(
    Array.from({ length: count }, (_, at) => [
      `assets/folder-${Math.floor(at / 50)}/file-${at}.txt`,
      `${`file ${at} of the project\n`.repeat(1 + (at % 20))}`,
    ]),
  );
}
