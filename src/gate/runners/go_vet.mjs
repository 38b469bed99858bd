// go vet, a part of go.mjs: with -json it ends with 0 whatever it found, and tells what is in its cache at a place of before.
import { existsSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { go, here, lastWords, place, report, reports, run, spec, workOf } from './go_asked.mjs';

export function ask() {
  for (const module of spec.modules) {
    const { stdout, stderr, status } = run([go, 'vet', '-json', './...'], module.folder, workOf(module));
    const before = report.count;
    for (const object of objectsOf(`${stdout}\n${stderr}`))
      for (const [name, analyzers] of Object.entries(object))
        for (const [rule, found] of Object.entries(analyzers ?? {}))
          for (const one of Array.isArray(found) ? found : [])
            place(module.folder, hereAgain(one.posn, name, module), rule, one.message);
    for (const line of `${stdout}\n${stderr}`.split('\n')) {
      const match = /^(?:vet: )?(\S+\.go:\d+(?::\d+)?): (.*)$/.exec(line);
      if (match) place(module.folder, match[1], 'compile', match[2]);
    }
    if (status !== 0 && report.count === before) report.failed = `go vet: ${lastWords(stderr ?? '')}`;
  }
  writeFileSync(join(reports, 'vet.json'), JSON.stringify(report));
}

/** What vet has in its cache it tells with the place of the copy that it looked at then: the package says where that is now. */
function hereAgain(posn, name, { folder, path }) {
  const match = /^(\/.+\.go)(:\d+.*)$/.exec(String(posn));
  if (match === null || !relative(here, match[1]).startsWith('..')) return posn;
  const inside = name.replace(/ \[.*$/s, '').slice(path.length);
  const file = match[1].slice(match[1].lastIndexOf('/') + 1);
  // The package of a folder's outer tests has a name that no folder has.
  const found = [inside, inside.replace(/_test$/, '')]
    .map((one) => join(here, folder, one, file))
    .find((one) => existsSync(one));
  return found === undefined ? posn : `${found}${match[2]}`;
}

/** The JSON objects among lines of text: each begins with a line `{` and ends with a line `}`. */
function objectsOf(text) {
  const objects = [];
  let open = null;
  for (const line of text.split('\n')) {
    if (open === null && line === '{}') continue;
    if (open === null && line === '{') open = [];
    open?.push(line);
    if (open !== null && line === '}') {
      try {
        objects.push(JSON.parse(open.join('\n')));
      } catch {
        // Not one of vet's.
      }
      open = null;
    }
  }
  return objects;
}
