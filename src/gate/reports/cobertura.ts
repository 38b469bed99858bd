// Reads the line coverage of a Cobertura document (coverage.py, vitest, istanbul, gocover-cobertura write it). Its rates are the
// tool's claim and are not believed (vitest writes NaN for an empty run): lines are counted. File names are relative to a
// `<source>`, which is a folder of the machine that the tool ran on. No entity is expanded; bytes and tags are bounded.
import { type Coverage, coverageOf } from './lcov.ts';
import { treePath } from './tree-path.ts';
import { attributeOf, nodesOf, textOf, xmlReader } from './xml.ts';

export const coberturaBytesLimit = 16 * 1024 * 1024;
const limits = { bytes: coberturaBytesLimit, tags: 400_000, attributes: 1_600_000 };

// coverage.py and others name a DTD; none is fetched.
const read = xmlReader(['source', 'package', 'class', 'line', 'lines', 'method'], limits, 'named');

/** null when the text is no Cobertura, or too big. @param root the absolute folder that the tool ran in */
export function parseCobertura(source: string, root: string | null = null): Coverage | null {
  const document = read(source);
  if (document?.coverage === undefined) return null;
  const top = nodesOf(document.coverage)[0] ?? {};
  const sources = nodesOf(top.sources)
    .flatMap((one) => nodesOf(one.source))
    .map((one) => textOf(one).trim())
    .filter((one) => one !== '')
    .slice(0, 20);
  const files = new Map<string, Map<number, number>>();
  const packages = nodesOf(top.packages).flatMap((one) => nodesOf(one.package));
  for (const one of packages.flatMap((each) => nodesOf(each.classes)).flatMap((each) => nodesOf(each.class))) {
    const file = placeOf(attributeOf(one, 'filename'), sources, root);
    if (file === null) continue;
    const lines = files.get(file) ?? new Map<number, number>();
    files.set(file, lines);
    for (const line of nodesOf(one.lines).flatMap((each) => nodesOf(each.line))) {
      const number = Number(attributeOf(line, 'number'));
      const hits = Number(attributeOf(line, 'hits'));
      if (!Number.isSafeInteger(number) || number < 1 || number > 9_999_999 || !Number.isFinite(hits)) continue;
      lines.set(number, (lines.get(number) ?? 0) + Math.max(0, hits));
    }
  }
  return coverageOf(files);
}

/** `app.py` below the source `/place/src` with the root `/place` is `src/app.py`. */
function placeOf(name: string, sources: readonly string[], root: string | null): string | null {
  if (name.startsWith('/')) return treePath(name, root);
  const below = root === null ? undefined : sources.find((one) => one === root || one.startsWith(`${root}/`));
  return below === undefined ? treePath(name) : treePath(`${below.replace(/\/$/, '')}/${name}`, root);
}
