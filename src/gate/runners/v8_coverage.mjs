// Line coverage out of what V8 writes into NODE_V8_COVERAGE, in LCOV: for runners that bring no coverage of their own. A line was run
// unless what was never run holds it whole, as `node --test` counts; what a loader made of a file is taken back to it by its source
// map. Files that no process loaded are not there.
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Of one process; what is larger is not read. */
const mostBytes = 256 * 1024 * 1024;
const everyMs = 500;

/**
 * Reads what processes leave in the folder as it comes, and takes it away: of hundreds of them it would fill a disk. `end` reads
 * the rest and gives LCOV; null: nothing was measured.
 */
export function measure(folder, tree) {
  /** file -> line -> hits */
  const hits = new Map();
  /** Where what is written on each line begins and ends. */
  const texts = new Map();
  const fold = () => {
    for (const name of existsSync(folder) ? readdirSync(folder) : []) {
      const path = join(folder, name);
      const told = statSync(path).size > mostBytes ? { result: [] } : parsed(readFileSync(path, 'utf8'));
      // It is being written, or was left half by a process that was killed.
      if (told === null) continue;
      rmSync(path);
      count(told, hits, texts, tree);
    }
  };
  const timer = setInterval(fold, everyMs);
  return {
    end() {
      clearInterval(timer);
      fold();
      return hits.size === 0 ? null : lcovOf(hits);
    },
  };
}

function count({ result, 'source-map-cache': maps = {} }, hits, texts, tree) {
  for (const { url, functions } of result) {
    const file = inTree(url, tree);
    if (file === null) continue;
    const map = maps[url];
    if (!map?.lineLengths && !texts.has(file)) texts.set(file, linesOf(readFileSync(join(tree, file), 'utf8')));
    const lines = map?.lineLengths ? lengthsOf(map.lineLengths) : texts.get(file).map((line) => ({ ...line }));
    mark(lines, functions);
    const found = map?.data ? placed(lines, map, url, tree) : [[file, lines.map((line, at) => [at + 1, line])]];
    for (const [path, all] of found) {
      const known = hits.get(path) ?? new Map();
      hits.set(path, known);
      for (const [number, line] of all) if (line.isCode) known.set(number, (known.get(number) ?? 0) + line.count);
    }
  }
}

function lcovOf(hits) {
  return [...hits]
    .map(([file, lines]) => {
      const told = [...lines].sort(([a], [b]) => a - b).map(([number, times]) => `DA:${number},${times}`);
      return `SF:${file}\n${told.join('\n')}\nend_of_record\n`;
    })
    .join('');
}

/** null: it is not whole. */
function parsed(text) {
  try {
    return { result: [], ...JSON.parse(text) };
  } catch {
    return null;
  }
}

function inTree(url, tree) {
  if (!url.startsWith('file://')) return null;
  const path = relative(tree, fileURLToPath(url));
  if (path.startsWith('..') || /(?:^|\/)node_modules\//.test(path) || !existsSync(join(tree, path))) return null;
  return path;
}

function linesOf(text) {
  let at = 0;
  return text.split('\n').map((line) => {
    const from = at + line.length - line.trimStart().length;
    const to = at + line.trimEnd().length;
    at += line.length + 1;
    return { from, to, isCode: to > from, count: 1 };
  });
}

function lengthsOf(lengths) {
  let at = 0;
  return lengths.map((length) => {
    const line = { from: at, to: at + length, isCode: length > 0, count: 1 };
    at += length + 1;
    return line;
  });
}

/** The ranges come from the outside in. */
function mark(lines, functions) {
  for (const { ranges } of functions)
    for (const { startOffset, endOffset, count } of ranges) {
      let at = firstAfter(lines, startOffset);
      for (; at < lines.length && lines[at].to <= endOffset; at += 1) if (lines[at].isCode) lines[at].count = count;
    }
}

/** The first line that begins at or after an offset. */
function firstAfter(lines, offset) {
  let [low, high] = [0, lines.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (lines[middle].from < offset) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** [[file, [[line, hits]]]] of what a file was made from. */
function placed(lines, { data }, url, tree) {
  const map = new SourceMap(data);
  const found = new Map();
  lines.forEach((line, at) => {
    for (const column of [0, Math.max(0, line.to - line.from - 1)]) {
      const entry = map.findEntry(at, column);
      if (entry.generatedLine !== at || entry.originalSource === undefined) continue;
      const source = URL.canParse(entry.originalSource)
        ? entry.originalSource
        : new URL(entry.originalSource, url).href;
      const file = inTree(source, tree);
      if (file === null) continue;
      const known = found.get(file) ?? new Map();
      found.set(file, known);
      const number = entry.originalLine + 1;
      known.set(number, { isCode: true, count: Math.max(line.count, known.get(number)?.count ?? 0) });
    }
  });
  return [...found];
}
