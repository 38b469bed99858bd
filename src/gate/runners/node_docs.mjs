// Builds a project's documentation (its types are another check's): TypeDoc by its own configuration, or the `docs` script. TypeDoc's warnings and errors are
// findings; of a script only its end says anything. {"count", "findings", "tool"}, the pages in SITE.
//
// node_docs.mjs LAYER OUT SITE KIND MANAGERS [in-image]: KIND "typedoc" or the name of a script. In an image LAYER holds in `modules` what is installed for checks.
import { spawnSync } from 'node:child_process';
import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { mergeModules } from './node_in_image.mjs';
import { linkModules, managerCommands } from './node-tree.mjs';

const [layer, out, site, kind, managersJson, where] = process.argv.slice(2);
const tree = process.cwd();
const managers = JSON.parse(managersJson);
if (where === 'in-image') mergeModules(join(layer, 'modules'), tree);
else linkModules(layer, tree);
const PATH = `${managerCommands(managers)}:${join(tree, 'node_modules', '.bin')}:${process.env.PATH}`;
const typedoc = [join(tree, 'node_modules', 'typedoc', 'bin', 'typedoc'), '--out', site];
const argv =
  kind === 'typedoc'
    ? [...typedoc, '--treatWarningsAsErrors', 'false', '--skipErrorChecking']
    : [managers.npm, 'run', kind];
const ran = spawnSync(process.execPath, argv, {
  env: { ...process.env, PATH, NO_COLOR: '1', npm_config_update_notifier: 'false' },
  encoding: 'utf8',
  maxBuffer: 256 * 1024 * 1024,
});
const text = stripVTControlCharacters(`${ran.stdout ?? ''}\n${ran.stderr ?? String(ran.error)}`);
process.stdout.write(text);
const findings = [];
for (const line of kind === 'typedoc' ? text.split('\n') : []) {
  const placed = /^(\S.*?):(\d+):\d+ - (?:\[?(?:warning|error)\]?)(?: (TS\d+):)? ?(.*)$/.exec(line);
  const loose = /^\[(?:warning|error)\] (.*)$/.exec(line);
  if (placed)
    findings.push({ file: placed[1], line: Number(placed[2]), rule: placed[3] ?? 'typedoc', message: placed[4] });
  else if (loose && !/^Found \d+ errors/.test(loose[1]))
    findings.push({ ...placeOf(loose[1]), rule: 'typedoc', message: loose[1] });
}
const isDone = ran.status === 0 || findings.length > 0;
if (isDone) writeFileSync(out, JSON.stringify({ count: findings.length, findings, tool: kind }));
process.exitCode = ran.status === 0 && findings.length === 0 ? 0 : isDone ? 1 : 2;

/** TypeDoc names the file and the thing, not the line; or what its configuration asks for. */
function placeOf(message) {
  const defined = /, defined in (\S+?),/.exec(message)?.[1];
  const about = /^(\S+) \(|^(\w+), defined in| in comment for (\S+)$|^The signature (\S+) has /.exec(message);
  const name = about?.slice(1).find(Boolean) ?? '';
  const declares = new RegExp(
    `\\b(?:function|const|let|class|interface|type|enum|get|set|async)\\s+${RegExp.escape(name.split('.').at(-1))}\\b`,
  );
  const says = saidIn(message);
  const file = defined ? shortened(defined) : name === '' ? null : (byModule(name) ?? byText(declares, says));
  if (file === null) return placeOfAsked(message);
  return { file, line: lineWith(file, (line) => (says ?? declares).test(line)) };
}

/** What of a comment a message is about. */
function saidIn(message) {
  const link = /resolve link to "([^"]+)"/.exec(message)?.[1];
  if (link !== undefined) return new RegExp(`@link ${RegExp.escape(link)}`);
  const param = / has an @param with name "([^"]+)"/.exec(message)?.[1];
  return param === undefined ? null : new RegExp(`@param\\s+(?:\\{[^}]*\\}\\s*)?\\[?${RegExp.escape(param)}\\b`);
}

/** Where TypeDoc is told of a file that it names. */
function placeOfAsked(message) {
  const path = message.split(/\s+/).find((word) => word.startsWith(`${tree}/`));
  const asked = path?.slice(tree.length + 1);
  const files = globSync(['typedoc.{json,jsonc}', 'typedoc.config.*', '.config/typedoc.*', 'tsconfig.json'], {
    cwd: tree,
  });
  const lines = asked
    ? files.sort().map((file) => ({ file, line: lineWith(file, (line) => line.includes(asked)) }))
    : [];
  return lines.find(({ line }) => line !== null) ?? { file: null, line: null };
}

function lineWith(file, isIt) {
  const at = readFileSync(join(tree, file), 'utf8').split('\n').findIndex(isIt);
  return at < 0 ? null : at + 1;
}

/** The package's name stands before the path. */
function shortened(path) {
  const parts = path.split('/');
  for (let at = 0; at < Math.min(3, parts.length); at += 1) {
    const rest = parts.slice(at).join('/');
    if (existsSync(join(tree, rest))) return rest;
  }
  return null;
}

/** `convert.q` is of the module convert: the first source file of that name. */
function byModule(name) {
  const module = name.split('.')[0];
  return sources().find((path) => `/${path.replace(/\.[^.]+$/, '')}`.endsWith(`/${module}`)) ?? null;
}

/** Of the one entry point no name is said: the file that declares the thing and says that. */
function byText(declares, says) {
  const holds = (path) => {
    const text = readFileSync(join(tree, path), 'utf8');
    return declares.test(text) && (says?.test(text) ?? true);
  };
  return sources().find(holds) ?? null;
}

function sources() {
  const found = globSync('{src,lib,.}/**/*.{ts,tsx,mts}', {
    cwd: tree,
    exclude: (path) => String(path.name ?? path).includes('node_modules'),
  });
  return found.map((path) => String(path).replace(/^\.\//, '')).filter((path) => !path.endsWith('.d.ts'));
}
