// Reads LCOV line coverage: the one format that every stack can write. Only SF, DA and end_of_record count; the totals
// LF and LH are the tool's claim and are not believed. Records of the same file are added up.
import { treePath } from './tree-path.ts';

const lcovBytesLimit = 16 * 1024 * 1024;

export type Coverage = {
  /** file -> line -> hits; only lines that can be executed are there. */
  files: Map<string, Map<number, number>>;
  linesFound: number;
  linesHit: number;
};

/** null when the text is no LCOV or is too big. Files outside of the tree are left out. */
export function parseLcov(source: string, root: string | null = null): Coverage | null {
  if (source.length > lcovBytesLimit) return null;
  const files = new Map<string, Map<number, number>>();
  let isLcov = source.trim() === '';
  let lines: Map<number, number> | null = null;
  for (const line of source.split('\n')) {
    if (line.startsWith('SF:')) {
      isLcov = true;
      const file = treePath(line.slice(3).trim(), root);
      lines = file === null ? null : (files.get(file) ?? new Map());
      if (file !== null && lines) files.set(file, lines);
    } else if (line.startsWith('DA:') && lines) {
      const match = /^DA:(\d{1,7}),(-?\d{1,15})/.exec(line);
      if (!match || Number(match[1]) === 0) continue;
      const number = Number(match[1]);
      lines.set(number, (lines.get(number) ?? 0) + Math.max(0, Number(match[2])));
    } else if (line.startsWith('end_of_record')) lines = null;
  }
  return isLcov ? coverageOf(files) : null;
}

export function coverageOf(files: Coverage['files']): Coverage {
  let linesFound = 0;
  let linesHit = 0;
  for (const hits of files.values()) {
    linesFound += hits.size;
    for (const count of hits.values()) if (count > 0) linesHit += 1;
  }
  return { files, linesFound, linesHit };
}
