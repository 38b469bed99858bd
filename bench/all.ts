// Every bench after the other, on a machine that does nothing else, and what they found written into docs/benchmarks.md. A void
// run changes nothing there: it is told, and the figures of before stay with their date.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { root } from '../test/support/stage.ts';
import { withSection } from './support/page.ts';
import { type Chart, say, writeCharts } from './support/report.ts';

/** In the order of the page. `deploys` takes its own time, and is asked for by name. */
const inOrder = ['journey', 'gate', 'docker', 'hook', 'builds', 'glue', 'router', 'idle', 'scale'];
const page = join(root, 'docs', 'benchmarks.md');

type Told = { bench: string; void: string[]; isMet: boolean; markdown: string; charts: Chart[] };

/** What the bench printed as JSON, or why it printed none. */
async function run(name: string, words: readonly string[]): Promise<Told | string> {
  say(`--- ${name}`);
  const program = join(import.meta.dirname, `${name}.ts`);
  const child = spawn(process.execPath, [program, '--json', ...words], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  const code = await new Promise((resolve) => child.once('close', resolve));
  if (code !== 0 || text === '') return `${name} ended with ${code}`;
  return JSON.parse(text) as Told;
}

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: inOrder.join(',') },
    write: { type: 'boolean', default: false },
    install: { type: 'boolean', default: false },
  },
});
let text = existsSync(page) ? readFileSync(page, 'utf8') : '';
for (const name of values.only.split(',')) {
  const needsPrograms = ['router', 'glue', 'docker', 'hook', 'builds'].includes(name);
  const told = await run(name, values.install && needsPrograms ? ['--install'] : []);
  if (typeof told === 'string') {
    say(`${told}; its section stays as it was`);
    process.exitCode = 1;
  } else if (told.void.length > 0) {
    say(`${name} is VOID, its section stays as it was:\n${told.void.map((why) => `  ${why}`).join('\n')}`);
    process.exitCode = 1;
  } else {
    say(`${name}: ${told.isMet ? 'every bar holds' : 'A BAR FAILS'}`);
    process.stdout.write(`## ${name}\n\n${told.markdown}\n\n`);
    text = withSection(text, name, told.markdown);
    if (!values.write) continue;
    writeCharts(join(root, 'docs'), told.charts);
    writeFileSync(page, text);
  }
}
