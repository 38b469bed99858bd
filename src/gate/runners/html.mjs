// The pages of a site through html-validate, as JSON. A page for which the project has a configuration is held to that, any
// other to what the HTML standard says. Files that are templates are left out, and named.
// Usage: html.mjs --tool FOLDER --files files.json --out html.json [--served]
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { findingLimit, isTemplate, readPage } from './pages.mjs';

const argument = (name) => process.argv[process.argv.indexOf(name) + 1];
const files = JSON.parse(readFileSync(argument('--files'), 'utf8'));
const isServed = process.argv.includes('--served');
const configNames = ['json', 'js', 'cjs', 'mjs', 'ts', 'cts', 'mts'].map((ending) => `.htmlvalidate.${ending}`);

const report = { count: 0, findings: [], notes: [], looked: 0 };
const pages = new Map();
const templates = [];
for (const path of files) {
  const text = readPage(path);
  if (text === null) report.notes.push(`${path} is too large to be looked at, or no plain file`);
  else if (isTemplate(path, text, isServed)) templates.push(path);
  else pages.set(path, text);
}
if (templates.length > 0)
  report.notes.push(`left out as ${templates.length === 1 ? 'a template' : 'templates'}: ${some(templates)}`);
report.notes.splice(8);

// The project's own configuration cannot be read, or names what is not there: nothing was proved. Not all of it reaches whoever asked.
process.on('uncaughtException', (error) => {
  writeFileSync(
    argument('--out'),
    JSON.stringify({ ...report, failed: `html-validate: ${String(error?.message ?? error)}` }),
  );
  process.exit(0);
});
const { FileSystemConfigLoader, HtmlValidate } = await import(
  join(argument('--tool'), 'node_modules', 'html-validate', 'dist', 'esm', 'index.js')
);
const standard = { root: true, extends: ['html-validate:standard'] };
for (const [isOwn, config] of [
  [true, {}],
  [false, standard],
]) {
  const validator = new HtmlValidate(new FileSystemConfigLoader(config));
  for (const [path, text] of pages) {
    if (hasConfig(path) !== isOwn) continue;
    report.looked += 1;
    const checked = await validator.validateString(text, path);
    for (const { ruleId, severity, message, line } of checked.results.flatMap((one) => one.messages)) {
      if (severity < 2) continue;
      report.count += 1;
      if (report.findings.length < findingLimit) report.findings.push({ file: path, line, rule: ruleId, message });
    }
  }
}
writeFileSync(argument('--out'), JSON.stringify(report));

/** From the page's folder to the top of the tree. */
function hasConfig(path) {
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    if (configNames.some((name) => existsSync(join(folder, name)))) return true;
    if (folder === '.') return false;
  }
}

function some(paths) {
  return paths.length <= 3 ? paths.join(', ') : `${paths.slice(0, 3).join(', ')} and ${paths.length - 3} more`;
}
