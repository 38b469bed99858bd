// Help, made from the command table: the overview, and one command's page with its options and examples.
import type { CommandSpec } from './command.ts';
import { commonOptions, usageLine } from './parse-argv.ts';
import type { Paint } from './present/paint.ts';
import { table } from './present/table.ts';

/** `lockstep help`. */
export function overview(commands: readonly CommandSpec[], paint: Paint): string {
  const rows = commands.map((command) => [`  ${command.name}`, command.operands, command.summary]);
  return [
    `${paint.bold('lockstep')}: what is on main is what is live`,
    '',
    'Usage: lockstep COMMAND [OPTIONS]',
    '',
    ...table(rows),
    '',
    'The app is the one of the work tree’s remote "lockstep", or -a NAME. The server is the one of this machine,',
    'or that of `lockstep login`; LOCKSTEP_URL and LOCKSTEP_TOKEN name another.',
    'More about a command: lockstep COMMAND --help',
  ].join('\n');
}

/** `lockstep COMMAND --help`. */
export function commandHelp(command: CommandSpec, commands: readonly CommandSpec[], paint: Paint): string {
  const options = Object.entries({ ...command.options, ...commonOptions }).map(([name, option]) => {
    const long = `--${name}${option.kind === 'text' ? ` ${option.value ?? 'VALUE'}` : ''}`;
    const isShortOnly = name.length === 1;
    const shown = isShortOnly ? long.slice(1) : long;
    return [
      `  ${option.short && !isShortOnly ? `-${option.short}, ` : isShortOnly ? '' : '    '}${shown}`,
      option.about,
    ];
  });
  const below = commands.filter((other) => other.name.startsWith(`${command.name} `));
  return [
    `${paint.bold(`lockstep ${command.name}`)}: ${command.summary}`,
    ...(command.about ? ['', command.about] : []),
    '',
    `Usage: ${usageLine(command)}`,
    '',
    ...table(options),
    ...(below.length > 0
      ? ['', 'See also:', ...table(below.map((other) => [`  lockstep ${other.name}`, other.summary]))]
      : []),
    '',
    command.examples.length > 1 ? 'Examples:' : 'Example:',
    ...command.examples.map((example) => `  ${example}`),
  ].join('\n');
}
