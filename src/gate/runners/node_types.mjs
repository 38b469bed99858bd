// Types of a TypeScript project, by its own compiler when it has one: {"count", "findings", "tool"}. Exit 0: none; 1: found;
// 2: the compiler could not do its work.
//
// node_types.mjs LAYER OUT PROGRAM [in-image]: PROGRAM '' means the project's own. In an image LAYER holds in `modules` what is installed for checks.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { mergeModules } from './node_in_image.mjs';
import { linkModules } from './node-tree.mjs';

const [layer, out, program, where] = process.argv.slice(2);
const tree = process.cwd();
if (where === 'in-image') mergeModules(join(layer, 'modules'), tree);
else linkModules(layer, tree);
const own = ['vue-tsc/bin/vue-tsc.js', 'typescript/bin/tsc'].map((path) => join(tree, 'node_modules', path));
const compiler = program || (own.find((path) => existsSync(path)) ?? own[1]);
// A file that only names other projects is built to be looked at.
const config = readFileSync(join(tree, 'tsconfig.json'), 'utf8');
const isSolution = /"references"\s*:/.test(config) && /"files"\s*:\s*\[\s*\]/.test(config);
const argv = isSolution ? ['--build', '--noEmit', '--pretty', 'false'] : ['--noEmit', '--pretty', 'false', '-p', '.'];
const ran = spawnSync(process.execPath, [compiler, ...argv], { encoding: 'utf8', maxBuffer: 256 * 1024 * 1024 });
process.stdout.write(ran.stdout ?? '');
process.stderr.write(ran.stderr ?? String(ran.error));
const findings = [];
for (const text of (ran.stdout ?? '').split('\n')) {
  const match = /^(?:(.+?)\((\d+),\d+\): )?error (TS\d+): (.*)$/.exec(text.trimEnd());
  if (!match) continue;
  const [, file, line, rule, message] = match;
  findings.push({ file: file ?? null, line: line ? Number(line) : null, rule, message });
}
const isDone = ran.status === 0 || findings.length > 0;
if (isDone)
  writeFileSync(
    out,
    JSON.stringify({ count: findings.length, findings, tool: compiler.includes('vue-tsc') ? 'vue-tsc' : 'tsc' }),
  );
process.exitCode = ran.status === 0 ? 0 : isDone ? 1 : 2;
