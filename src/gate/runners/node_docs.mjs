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

/** TypeDoc names the file and the thing, not the line. */
function placeOf(message) {
  const defined = /, defined in (\S+?),/.exec(message)?.[1];
  const about = /^(\S+) \(|^(\w+), defined in| in comment for (\S+)$/.exec(message);
  const name = about?.[1] ?? about?.[2] ?? about?.[3] ?? '';
  const link = /resolve link to "([^"]+)"/.exec(message)?.[1];
  const word = name.split('.').at(-1);
  const declares = new RegExp(
    `\\b(?:function|const|let|class|interface|type|enum|get|set|async)\\s+${RegExp.escape(word)}\\b`,
  );
  const file = defined ? shortened(defined) : (byModule(name) ?? byText(declares, link));
  if (file === null) return { file: null, line: null };
  const lines = readFileSync(join(tree, file), 'utf8').split('\n');
  const at = lines.findIndex((line) => (link ? line.includes(`@link ${link}`) : declares.test(line)));
  return { file, line: at < 0 ? null : at + 1 };
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
  return sources().find((path) => path.replace(/\.[^.]+$/, '').endsWith(module)) ?? null;
}

/** Of the one entry point no name is said: the file that declares the thing and has the link. */
function byText(declares, link) {
  const holds = (path) => {
    const text = readFileSync(join(tree, path), 'utf8');
    return declares.test(text) && (link === undefined || text.includes(`@link ${link}`));
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
