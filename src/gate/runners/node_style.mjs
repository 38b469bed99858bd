// Style of JavaScript and TypeScript: runs the tools that a project configures over the files that it is given, and writes what
// they found as one list: {"count", "findings": [{file, line, rule, message}], "tools": [...]}. Exit 0: nothing found; 1: found;
// 2: a tool could not do its work (its words are the output).
//
// node_style.mjs LAYER OUT OPTIONS TOOL=PROGRAM…: LAYER '' when there is none; OPTIONS a file {"files": [...], "tools": [{"tool",
// "missing", "isDefault"}]}. A tool without a program is the project's own, from its installed packages. What is there by default has
// the rules that stand here, and none of the project's.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { differingLines } from './node_diff.mjs';
import { linkModules } from './node-tree.mjs';

const filesAtOnce = 400;
const outputBytes = 256 * 1024 * 1024;
const scripts = /\.(?:[cm]?[jt]sx?|vue|svelte|astro)$/;

const [layer, out, optionsFile, ...pairs] = process.argv.slice(2);
const options = JSON.parse(readFileSync(optionsFile, 'utf8'));
const programs = Object.fromEntries(pairs.map((pair) => pair.split(/=(.*)/s).slice(0, 2)));
const tree = process.cwd();
const real = realpathSync(tree);
const work = join(tmpdir(), 'style');
mkdirSync(work, { recursive: true });
if (layer !== '') linkModules(layer, tree);

class ToolError extends Error {}

/** Runs a tool's program; what it printed, when it ended with one of the codes that say "I did my work". */
function ask(argv, codes, input) {
  const ran = spawnSync(process.execPath, argv, { input, encoding: 'utf8', maxBuffer: outputBytes });
  if (ran.error) throw new ToolError(`${argv[0]}: ${ran.error.message}`);
  if (codes.includes(ran.status)) return ran;
  throw new ToolError(`${ran.stdout}\n${ran.stderr}`.trim() || `it ended with ${ran.status ?? ran.signal}`);
}

const inTree = (path) => {
  const from = path.startsWith('/') ? path : join(real, path);
  return relative(from.startsWith(`${real}/`) ? real : tree, from);
};

/** One finding for each run of lines that a formatter would write otherwise. */
function formatFindings(file, formatted, rule) {
  const before = readFileSync(join(tree, file), 'utf8');
  return differingLines(before, formatted).map(({ from, to }) => ({
    file,
    line: from,
    rule,
    message: to > from ? `lines ${from}-${to} are not formatted` : 'this line is not formatted',
  }));
}

const ownProgram = (name, path) => join(tree, 'node_modules', ...name.split('/'), path);

const tools = {
  eslint(_program, files) {
    const bin = ownProgram('eslint', 'bin/eslint.js');
    const wanted = files.filter((file) => scripts.test(file));
    return chunks(wanted).flatMap((some) => {
      const { stdout } = ask([bin, '--format', 'json', '--no-error-on-unmatched-pattern', '--', ...some], [0, 1]);
      return JSON.parse(stdout).flatMap(({ filePath, messages }) =>
        messages
          .filter((one) => one.ruleId || !/^File ignored/.test(one.message))
          .map((one) => ({
            file: inTree(filePath),
            line: one.line ?? null,
            rule: one.ruleId ?? 'eslint',
            message: one.message,
          })),
      );
    });
  },
  standard(_program, files) {
    const { bin } = JSON.parse(readFileSync(ownProgram('standard', 'package.json'), 'utf8'));
    const program = ownProgram('standard', typeof bin === 'string' ? bin : bin.standard);
    return chunks(files.filter((file) => /\.(?:[cm]?js|jsx)$/.test(file))).flatMap((some) => {
      const { stdout, stderr, status } = ask([program, ...some.map((file) => `./${file}`)], [0, 1]);
      const found = stdout.split('\n').flatMap((line) => {
        const match = /^\s*(.+?):(\d+):\d+: (.*?)(?: \(([\w@/-]+)\))?(?: \(warning\))?$/.exec(line);
        if (match === null) return [];
        const [, path, number, message, rule] = match;
        return [{ file: inTree(path), line: Number(number), rule: rule ?? 'standard', message }];
      });
      if (status !== 0 && found.length === 0) throw new ToolError(`${stdout}\n${stderr}`.trim());
      // It says of a file that it was told of by name that it leaves it out.
      return found.filter(({ message }) => !/^File ignored\b/.test(message));
    });
  },
  biome(program, files) {
    const bin = program ?? ownProgram('@biomejs/biome', 'bin/biome');
    const report = join(work, 'biome.sarif');
    const flags = ['--files-ignore-unknown=true', '--no-errors-on-unmatched', '--max-diagnostics=none', '--colors=off'];
    return chunks(files).flatMap((some) => {
      rmSync(report, { force: true });
      const ran = ask([bin, 'ci', ...flags, '--reporter=sarif', `--reporter-file=${report}`, '--', ...some], [0, 1]);
      if (!existsSync(report)) {
        if (ran.status === 0) return [];
        throw new ToolError(ran.stderr || ran.stdout);
      }
      const { runs } = JSON.parse(readFileSync(report, 'utf8'));
      const found = runs.flatMap(({ results }) => results);
      if (found.length === 0 && ran.status !== 0) throw new ToolError(ran.stderr || ran.stdout);
      return found.flatMap((one) => {
        const place = one.locations?.[0]?.physicalLocation;
        const file = place ? inTree(place.artifactLocation.uri) : null;
        if (one.ruleId === 'format' && file !== null) {
          const formatted = ask(
            [bin, 'format', `--stdin-file-path=${file}`, '--colors=off'],
            [0],
            readFileSync(join(tree, file), 'utf8'),
          );
          const hunks = formatFindings(file, formatted.stdout, 'format');
          if (hunks.length > 0) return hunks;
        }
        // Advice that `biome ci` itself lets pass.
        if (one.level === 'note') return [];
        return [{ file, line: place?.region?.startLine ?? null, rule: one.ruleId, message: one.message.text }];
      });
    });
  },
  async prettier(program, files) {
    const require = createRequire(join(tree, 'package.json'));
    const main = program === null ? require.resolve('prettier') : require.resolve(program);
    const loaded = await import(pathToFileURL(main));
    const prettier = loaded.format ? loaded : loaded.default;
    const found = [];
    for (const file of files) {
      const path = join(tree, file);
      const unread = (error) => {
        throw new ToolError(`the configuration of prettier cannot be read: ${error.message}`);
      };
      const asked = { ignorePath: join(tree, '.prettierignore'), resolveConfig: true };
      const info = await prettier.getFileInfo(path, asked).catch(unread);
      if (info.ignored || info.inferredParser === null) continue;
      const config = await prettier.resolveConfig(path, { editorconfig: true }).catch(unread);
      const text = readFileSync(path, 'utf8');
      try {
        const formatted = await prettier.format(text, { ...config, filepath: path });
        found.push(...formatFindings(file, formatted, 'prettier'));
      } catch (error) {
        if (error.loc?.start?.line === undefined) throw new ToolError(error.message);
        found.push({ file, line: error.loc.start.line, rule: 'syntax', message: error.message.split('\n')[0] });
      }
    }
    return found;
  },
  oxlint(program, files, config = []) {
    const bin = program ?? ownProgram('oxlint', 'bin/oxlint');
    return chunks(files.filter((file) => scripts.test(file))).flatMap((some) => {
      const { stdout } = ask([bin, ...config, '--format', 'json', '--', ...some], [0, 1]);
      return JSON.parse(stdout).diagnostics.map((one) => ({
        file: inTree(one.filename),
        line: one.labels?.[0]?.span?.line ?? null,
        rule: one.code ?? 'oxlint',
        message: one.message,
      }));
    });
  },
};

const unused = { args: 'none', caughtErrors: 'none', ignoreRestSiblings: true };
const defaultConfig = (kind) => ({
  plugins: ['eslint', 'typescript', 'unicorn', 'oxc'],
  categories: { correctness: 'error' },
  rules: { 'no-unused-vars': kind === 'module' ? ['error', unused] : 'off', 'no-unused-expressions': 'off' },
});
/** A classic script shares its top level with the page: what nothing in it uses may be used elsewhere. */
const isModule = (text) => /^\s*(?:import|export)\b|\brequire\s*\(|\bexports\b|\bimport\s*\(/m.test(text);
/** Nobody writes lines like these by hand. */
const isMinified = (text) => text.length > 2000 && text.length / text.split('\n').length > 300;

/** Our own choice where the project made none. */
function byDefault(program, files) {
  const texts = files.map((file) => [file, readFileSync(join(tree, file), 'utf8')]);
  const own = texts.filter(([, text]) => !isMinified(text));
  return ['module', 'script'].flatMap((kind) => {
    const some = own.filter(([, text]) => isModule(text) === (kind === 'module')).map(([file]) => file);
    if (some.length === 0) return [];
    const config = join(work, `oxlint-${kind}.json`);
    writeFileSync(config, JSON.stringify(defaultConfig(kind)));
    return tools.oxlint(program, some, ['--config', config, '--disable-nested-config', '--no-ignore']);
  });
}

function chunks(files) {
  const all = [];
  for (let at = 0; at < files.length; at += filesAtOnce) all.push(files.slice(at, at + filesAtOnce));
  return all;
}

const findings = [];
try {
  for (const { tool, missing, isDefault } of options.tools) {
    if (missing) {
      const message = `${missing} configures ${tool}, which is not among the dependencies of package.json`;
      findings.push({ file: missing, line: null, rule: 'tool missing', message });
      continue;
    }
    const run = isDefault ? byDefault : tools[tool];
    findings.push(...(await run(programs[tool] ?? null, options.files)));
  }
  const count = findings.length;
  const names = options.tools.map(({ tool }) => tool);
  writeFileSync(out, JSON.stringify({ count, findings, tools: names }));
  process.exitCode = count === 0 ? 0 : 1;
} catch (error) {
  if (!(error instanceof ToolError) && error.code !== 'MODULE_NOT_FOUND') throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 2;
}
