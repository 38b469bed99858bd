// The command line taken apart against the command table. Options may stand anywhere, common ones also before the command;
// what is unknown, doubled or lacks its value is refused with its nearest neighbour, never ignored.
import { parseArgs } from 'node:util';
import { fail } from '../domain/errors.ts';
import { printable } from '../domain/names.ts';
import type { Arguments } from './arguments.ts';
import type { CommandSpec, OptionSpec } from './command.ts';
import { nearest } from './nearest.ts';

const help: OptionSpec = { kind: 'flag', short: 'h', about: 'show this help' };

/** Options that every command knows. */
export const commonOptions = { help } as const;

/** Options that may also stand before the command; `home` and `app` take a value. */
const leading = { home: 'text', app: 'text', json: 'flag', help: 'flag' } as const;
const leadingShort: Readonly<Record<string, keyof typeof leading>> = { a: 'app', h: 'help' };

/** Moves options that stand before the command behind it: `--json status` becomes `status --json`. */
export function commandFirst(argv: readonly string[]): string[] {
  const moved: string[] = [];
  let at = 0;
  for (; at < argv.length; at += 1) {
    const word = argv[at]!;
    if (!word.startsWith('-') || word === '-' || word === '--') break;
    const [name = ''] = word.replace(/^--?/, '').split('=');
    const known = word.startsWith('--') ? name : leadingShort[name];
    moved.push(word);
    const isText = known !== undefined && (leading as Record<string, string>)[known] === 'text';
    if (isText && !word.includes('=') && at + 1 < argv.length) {
      at += 1;
      moved.push(argv[at]!);
    }
  }
  const [command, ...rest] = argv.slice(at);
  return command === undefined ? moved : [command, ...moved, ...rest];
}

/**
 * The command that `argv` (already `commandFirst`) names, and what follows its name.
 * @throws bad-request for a name that is not in the table
 */
export function findCommand(
  argv: readonly string[],
  table: readonly CommandSpec[],
): { command: CommandSpec; rest: string[] } {
  const [first = '', second] = argv;
  const named = (name: string) => table.find((command) => command.name === name);
  const two = second === undefined ? undefined : named(`${first} ${second}`);
  if (two) return { command: two, rest: argv.slice(2) };
  const one = named(first);
  if (one && second !== undefined && one.counts[1] === 0 && !second.startsWith('-')) {
    const below = table.map((command) => command.name).filter((name) => name.startsWith(`${first} `));
    const near = nearest(`${first} ${second}`, below);
    if (near) throw unknown(`${first} ${second}`, near);
  }
  if (one) return { command: one, rest: argv.slice(1) };
  const names = table.map((command) => command.name);
  const below = second === undefined ? names.find((name) => name.startsWith(`${first} `)) : undefined;
  throw unknown(first, below ?? nearest(first.replace(':', ' '), names));
}

function unknown(name: string, near: string | null) {
  return fail('bad-request', `there is no command "${printable(name)}"`, {
    advice: near ? `Did you mean: lockstep ${near}` : 'See them all with: lockstep help',
  });
}

function cut(rest: readonly string[], options: Record<string, { type: 'string' | 'boolean'; short?: string }>) {
  const { tokens } = parseArgs({ args: [...rest], options, strict: false, allowPositionals: true, tokens: true });
  const end = tokens.find((token) => token.kind !== 'option');
  if (!end) return { own: rest, words: [] };
  return { own: rest.slice(0, end.index), words: rest.slice(end.kind === 'positional' ? end.index : end.index + 1) };
}

/**
 * Takes the words after a command's name apart. `--help` wins over what is missing.
 * @throws bad-request naming the option or operand and the command's usage
 */
export function parseArgv(command: CommandSpec, rest: readonly string[]): Arguments {
  const known: Record<string, OptionSpec> = { ...command.options, ...commonOptions };
  const options = Object.fromEntries(
    Object.entries(known).map(([name, { kind, short }]) => [
      name,
      { type: kind === 'flag' ? ('boolean' as const) : ('string' as const), ...(short ? { short } : {}) },
    ]),
  );
  const parts = command.takesRest ? cut(rest, options) : { own: rest, words: [] };
  const { tokens } = parseArgs({
    args: [...parts.own],
    options,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const flags = new Set<string>();
  const texts = new Map<string, string>();
  const words: string[] = [...parts.words];
  const problems: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') words.push(token.value);
    if (token.kind !== 'option') continue;
    const option = Object.hasOwn(known, token.name) ? known[token.name] : undefined;
    const shown = printable(token.rawName);
    if (!option) {
      const near = nearest(token.name, Object.keys(known));
      problems.push(`there is no option ${shown}${near ? ` (did you mean --${near}?)` : ''}`);
    } else if (option.kind === 'flag') {
      if (token.value === undefined) flags.add(token.name);
      else problems.push(`${shown} takes no value`);
    } else if (token.value === undefined || (token.inlineValue === false && /^-./.test(token.value))) {
      problems.push(`${shown} needs a value: ${option.value ?? 'VALUE'}`);
    } else if (texts.has(token.name)) problems.push(`${shown} is given twice`);
    else texts.set(token.name, token.value);
  }
  if (!flags.has('help')) problems.push(...miscounted(command, words));
  if (problems.length > 0) {
    throw fail('bad-request', problems.join('; '), {
      advice: `Usage: ${usageLine(command)}   (more: lockstep ${command.name} --help)`,
    });
  }
  return { words, flags, texts };
}

function miscounted(command: CommandSpec, words: readonly string[]): string[] {
  const [least, most] = command.counts;
  if (words.length < least) return [`"lockstep ${command.name}" needs ${command.operands}`];
  if (words.length <= most) return [];
  const extra = words
    .slice(most)
    .map((word) => `"${printable(word)}"`)
    .join(' ');
  return [`"lockstep ${command.name}" does not take ${extra.slice(0, 200)}`];
}

/** One line: `lockstep config set K=V … [-a NAME] [--json]`. */
export function usageLine(command: CommandSpec): string {
  const options = Object.entries(command.options).map(([name, option]) => {
    const dashed = option.short ? `-${option.short}` : `--${name}`;
    return option.kind === 'flag' ? `[${dashed}]` : `[${dashed} ${option.value ?? 'VALUE'}]`;
  });
  const words = ['lockstep', command.name, ...options];
  if (command.operands !== '') words.push(command.operands);
  return words.join(' ');
}
