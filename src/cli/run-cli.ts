// One command line from its words to its exit code: find the command, take its words apart, load its verb, run it. Whatever is
// thrown on the way is told once, here.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { commandTable } from './command-table.ts';
import type { Io } from './io.ts';
import { commandFirst, findCommand, parseArgv } from './parse-argv.ts';
import { makePaint } from './present/paint.ts';
import { openSession } from './session.ts';

/** Runs `argv` (without the program's name); resolves with the exit code and never rejects. */
export async function runCli(argv: readonly string[], io: Io): Promise<number> {
  const words = commandFirst(argv);
  const isJson = words.includes('--json') && !(words[0] === 'run' && words.indexOf('--json') > 1);
  try {
    const [first = 'help'] = words;
    if (first === '--version' || first === '-V') {
      io.out(`${version()}\n`);
      return 0;
    }
    if (first === 'help' || first === '--help' || first === '-h') return await showHelp(words.slice(1), io);
    const { command, rest } = findCommand(words, commandTable);
    const args = parseArgv(command, rest);
    if (args.flags.has('help')) return await showHelp(command.name.split(' '), io);
    const verb = await command.load();
    return await verb(openSession(io, args));
  } catch (error) {
    const { showFailure } = await import('./present/failure.ts');
    return showFailure(error, io, isJson);
  }
}

async function showHelp(words: readonly string[], io: Io): Promise<number> {
  const { commandHelp, overview } = await import('./usage.ts');
  const paint = makePaint(io.isOutTty, io.env);
  const asked = words.filter((word) => !word.startsWith('-'));
  const text =
    asked.length === 0
      ? overview(commandTable, paint)
      : commandHelp(findCommand(asked, commandTable).command, commandTable, paint);
  io.out(`${text}\n`);
  return 0;
}

/** The version of this program, from its package.json. */
export function version(): string {
  const file = join(import.meta.dirname, '..', '..', 'package.json');
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}
