// gofmt, a part of go.mjs: it ends with 0 whatever it would write otherwise, so what it prints is the finding.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { find, go, lastWords, report, reports, run, spec } from './go_asked.mjs';

export function ask() {
  const gofmt = join(dirname(go), 'gofmt');
  const files = spec.files.filter((path) => !isGenerated(path));
  for (let at = 0; at < files.length; at += 200) {
    const { stdout, stderr, status } = run(
      [gofmt, '-d', '--', ...files.slice(at, at + 200)].filter((word) => word !== '--'),
      '',
    );
    readDiff(stdout ?? '');
    const before = report.count;
    for (const line of (stderr ?? '').split('\n')) {
      const match = /^(.+?\.go):(\d+):\d+: (.*)$/.exec(line);
      if (match) find(match[1], Number(match[2]), 'syntax', match[3]);
    }
    if (status !== 0 && status !== 1 && report.count === before) report.failed = `gofmt: ${lastWords(stderr ?? '')}`;
  }
  writeFileSync(join(reports, 'style.json'), JSON.stringify(report));
}

/** What gofmt would write otherwise, one finding a line; what it would add is told of the line before it. */
function readDiff(text) {
  let file = null;
  let line = 0;
  let gone = [];
  let come = [];
  const flush = () => {
    const said = (at) =>
      come[at] === undefined ? 'gofmt takes this line away' : `gofmt writes ${JSON.stringify(come[at])}`;
    for (const [at, number] of gone.entries()) find(file, number, 'gofmt', said(at));
    if (gone.length === 0 && come.length > 0)
      find(
        file,
        Math.max(1, line - 1),
        'gofmt',
        come[0] === '' ? 'gofmt puts an empty line after this one' : `gofmt adds ${JSON.stringify(come[0])}`,
      );
    gone = [];
    come = [];
  };
  for (const each of text.split('\n')) {
    const hunk = /^@@ -(\d+)(?:,\d+)? \+\d+(?:,\d+)? @@/.exec(each);
    if (hunk || each.startsWith('diff ')) {
      flush();
      if (hunk) line = Number(hunk[1]);
      else file = each.slice(5, Math.floor((each.length - 5 - '.orig '.length) / 2) + 5);
    } else if (/^(?:---|\+\+\+) /.test(each) && line === 0) continue;
    else if (each.startsWith('-')) {
      if (come.length > 0) flush();
      gone.push(line);
      line += 1;
    } else if (each.startsWith('+')) come.push(each.slice(1));
    else if (each.startsWith(' ')) {
      flush();
      line += 1;
    }
    if (each.startsWith('diff ')) line = 0;
  }
  flush();
}

function isGenerated(path) {
  try {
    return /^\/\/ Code generated .* DO NOT EDIT\.$/m.test(readFileSync(path, 'utf8').slice(0, 4096));
  } catch {
    return true; // a link that leads nowhere
  }
}
