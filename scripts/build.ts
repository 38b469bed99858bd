// Compiles `src/` to `dist/` for the published package (Node refuses TypeScript under node_modules), with the files beside the
// code that are read at run time, and refuses a result in which an import or such a file is missing. Tests stay out.
// Usage: node scripts/build.ts [--root FOLDER]   (the checkout, unless told)
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, globSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

/** The programs of the package: bin/lockstep starts the first, `up` starts the others. */
const entries = ['cli/main.js', 'main/agent.js', 'main/control.js', 'main/router.js', 'main/registry/disk.js'];
const importPattern = /(?:(?<!\.)\bfrom|\bimport\s*\(?)\s*(['"])(\.{1,2}\/[^'"]+)\1/g;

/** Removes the modules that no program imports: what tests stand on, fakes among them. */
export function pruneUnreached(folder: string, programs: readonly string[] = entries): void {
  const reached = new Set<string>();
  const walk = (file: string): void => {
    if (reached.has(file) || !existsSync(join(folder, file))) return;
    reached.add(file);
    const text = readFileSync(join(folder, file), 'utf8');
    for (const match of text.matchAll(importPattern)) walk(join(dirname(file), match[2]!));
  };
  for (const program of programs) walk(program);
  for (const file of globSync('**/*.js', { cwd: folder })) if (!reached.has(file)) rmSync(join(folder, file));
}

/**
 * What the compiled files name and is not there: relative imports, `new URL('…', import.meta.url)` and
 * `join(import.meta.dirname, '…')`, as far as they are literal. One sentence each.
 */
export function missingTargets(folder: string): string[] {
  return globSync('**/*.js', { cwd: folder }).flatMap((file) => {
    const text = readFileSync(join(folder, file), 'utf8');
    const here = dirname(join(folder, file));
    const computed = /\bimport\(\s*[^'"\s]/.test(text) ? [`${file} imports what only running it would tell`] : [];
    const missing = targetsOf(text)
      .filter((target) => !existsSync(resolve(here, target)))
      .map((target) => `${file} names ${target}, which is not there`);
    return [...computed, ...missing];
  });
}

/** The literal paths that a compiled file reaches for, relative to its folder. */
export function targetsOf(text: string): string[] {
  const imports = [...text.matchAll(importPattern)].map((match) => match[2]!);
  const urls = [...text.matchAll(/new URL\(\s*(['"])([^'"]+)\1,\s*import\.meta\.url\s*\)/g)].map((match) => match[2]!);
  const joined = [
    ...text.matchAll(/\b(?:join|resolve)\(import\.meta\.dirname((?:,\s*(?:'[^']*'|"[^"]*"))+)\s*\)/g),
  ].map((match) => join('.', ...[...match[1]!.matchAll(/'([^']*)'|"([^"]*)"/g)].map((part) => part[1] ?? part[2]!)));
  return [...imports, ...urls, ...joined];
}

/** Builds `root/dist` anew; the old one stays when something is wrong. The number of files, or the problems. */
export function build(root: string): { files: number } | { problems: string[] } {
  // Beside `dist`, at the same depth: what is looked for above it is found.
  const fresh = join(root, 'dist.new');
  rmSync(fresh, { recursive: true, force: true });
  const compiled = spawnSync(
    process.execPath,
    [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', 'tsconfig.build.json', '--outDir', fresh],
    { cwd: root, encoding: 'utf8' },
  );
  if (compiled.status !== 0) return { problems: `${compiled.stdout}${compiled.stderr}`.trim().split('\n') };
  pruneUnreached(fresh);
  const source = join(root, 'src');
  const beside = globSync('**/*', { cwd: source })
    .filter((path) => !path.endsWith('.ts') && !/(^|\/)(fixtures|__pycache__)\//.test(path))
    .filter((path) => statSync(join(source, path)).isFile());
  for (const path of beside) cpSync(join(source, path), join(fresh, path));
  const problems = missingTargets(fresh);
  if (problems.length > 0) return { problems };
  rmSync(join(root, 'dist'), { recursive: true, force: true });
  renameSync(fresh, join(root, 'dist'));
  return {
    files: globSync('**/*', { cwd: join(root, 'dist'), withFileTypes: true }).filter((entry) => entry.isFile()).length,
  };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { values } = parseArgs({ options: { root: { type: 'string', default: dirname(import.meta.dirname) } } });
  const startedAt = performance.now();
  const built = build(values.root);
  if ('problems' in built) {
    process.stderr.write(`The build is not whole:\n${built.problems.map((line) => `  ${line}\n`).join('')}`);
    process.exit(1);
  }
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  process.stdout.write(`${relative(process.cwd(), join(values.root, 'dist'))}: ${built.files} files in ${seconds} s\n`);
}
