// Coverage as pages: which lines of which files the tests ran. They load nothing and run nothing; all that comes from the app
// is escaped.

/** file -> line -> hits. */
export type LineHits = ReadonlyMap<string, ReadonlyMap<number, number>>;

/** The address of a file's page, from the folder of the pages. */
export const pageOf = (file: string): string => `${file}.html`;

const style = `body{font:14px/1.5 system-ui,sans-serif;margin:2rem;color:#202124;background:#fff}
table{border-collapse:collapse}td,th{padding:.15rem .8rem;text-align:left}td.n{text-align:right;font-variant-numeric:tabular-nums}
a{color:#1a5fb4}pre{margin:0;font:13px/1.45 ui-monospace,monospace;tab-size:4}ol{list-style:none;padding:0;margin:0}
li{display:flex;white-space:pre;font:13px/1.45 ui-monospace,monospace}li b{flex:0 0 4rem;text-align:right;padding-right:1rem;color:#5f6368;font-weight:400}
li.h{background:#e6f4ea}li.m{background:#fce8e6}meter{width:8rem}
@media(prefers-color-scheme:dark){body{background:#202124;color:#e8eaed}a{color:#8ab4f8}li.h{background:#1e3a2a}li.m{background:#4a2323}}`;

const escaped = (text: string): string =>
  text
    .replaceAll(/[<>&"']/g, (one) => `&#${one.codePointAt(0)};`)
    .replaceAll(/[\p{Cc}]/gu, (one) => (one === '\t' ? one : '\ufffd'));

function page(title: string, body: string): string {
  return `<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<meta name="viewport" content="width=device-width">\n<title>${escaped(title)}</title>\n<style>${style}</style>\n<h1>${escaped(title)}</h1>\n${body}\n</html>\n`;
}

const share = (hit: number, found: number): string =>
  `${found === 0 ? 100 : Math.floor((hit / found) * 1000 + 1e-9) / 10} %`;

function countOf(lines: ReadonlyMap<number, number>): { hit: number; found: number } {
  let hit = 0;
  for (const hits of lines.values()) if (hits > 0) hit += 1;
  return { hit, found: lines.size };
}

/** All files, the least covered first. */
export function coverageIndex(title: string, files: LineHits): string {
  const rows = [...files].map(([file, lines]) => ({ file, ...countOf(lines) }));
  const all = rows.reduce((sum, one) => ({ hit: sum.hit + one.hit, found: sum.found + one.found }), {
    hit: 0,
    found: 0,
  });
  const sorted = rows.toSorted((a, b) => a.hit / (a.found || 1) - b.hit / (b.found || 1) || (a.file < b.file ? -1 : 1));
  const cells = sorted.map(({ file, hit, found }) => {
    const address = pageOf(file).split('/').map(encodeURIComponent).join('/');
    const bar = `<meter min="0" max="${found || 1}" value="${found === 0 ? 1 : hit}"></meter>`;
    return `<tr><td><a href="./${escaped(address)}">${escaped(file)}</a></td><td>${bar}</td><td class="n">${share(hit, found)}</td><td class="n">${found - hit} of ${found} missed</td></tr>`;
  });
  return page(
    title,
    `<p>${share(all.hit, all.found)} of ${all.found} lines were run.</p>\n<table>\n${cells.join('\n')}\n</table>`,
  );
}

/** One file. @param source null: it is not kept; then the numbers of its missed lines are shown */
export function coverageFile(file: string, lines: ReadonlyMap<number, number>, source: string | null): string {
  const { hit, found } = countOf(lines);
  const head = `<p>${share(hit, found)} of ${found} lines were run. <a href="${'../'.repeat(file.split('/').length - 1)}index.html">All files</a></p>`;
  if (source === null) {
    const missed = [...lines]
      .filter(([, hits]) => hits === 0)
      .map(([line]) => line)
      .sort((a, b) => a - b);
    return page(file, `${head}\n<p>Lines that were not run: ${missed.length === 0 ? 'none' : missed.join(', ')}.</p>`);
  }
  const rows = source
    .replace(/\n$/, '')
    .split('\n')
    .map((text, at) => {
      const hits = lines.get(at + 1);
      const kind = hits === undefined ? '' : hits > 0 ? ' class="h"' : ' class="m"';
      const said = hits === undefined ? '' : ` title="${hits > 0 ? `run ${hits} times` : 'not run'}"`;
      return `<li${kind}${said}><b>${at + 1}</b>${escaped(text)}</li>`;
    });
  return page(file, `${head}\n<ol>\n${rows.join('\n')}\n</ol>`);
}
