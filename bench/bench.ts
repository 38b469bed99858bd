// `npm run bench -- NAME [options]`: runs one of the measurements that lie beside this file, each a program of its own. Like
// any stranger they use the programs and HTTP and import nothing of `src/`, but for the one question to a container engine.
import { globSync } from 'node:fs';
import { basename, join } from 'node:path';

const names = globSync('*.ts', { cwd: import.meta.dirname })
  .map((file) => basename(file, '.ts'))
  .filter((name) => name !== 'bench')
  .sort();
const [name = ''] = process.argv.splice(2, 1);
if (names.includes(name)) {
  process.argv[1] = join(import.meta.dirname, `${name}.ts`);
  await import(`./${name}.ts`);
} else {
  process.stderr.write(`usage: npm run bench -- ${names.join('|')} [--json] [options]; see bench/README.md\n`);
  process.exitCode = 2;
}
