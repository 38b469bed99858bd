// docs/cli.md, made from the command table (scripts/cli-docs.ts writes it, a test proves that it is fresh).
import { errorRegistry } from '../domain/errors.ts';
import { commandTable } from './command-table.ts';
import { usageLine } from './parse-argv.ts';

const head = `# The command line

<!-- Made by scripts/cli-docs.ts from src/cli/command-table.ts: do not edit. -->

\`lockstep COMMAND [OPTIONS]\`. Every command has \`--help\`, and \`--json\` where it prints.

- **The app** is \`-a NAME\`, else that of the work tree’s git remote \`lockstep\`.
- **The server** is, in this order: \`LOCKSTEP_URL\` (with \`LOCKSTEP_TOKEN\`); the home named by \`--home\` or \`LOCKSTEP_HOME\`; the
  server that the work tree’s remote points at, when it is logged in to; the Lockstep of this machine’s default home; the last
  \`lockstep login\`.
- **Results** go to standard output, progress and errors to standard error. With \`--json\`, results are one JSON value a line, and an
  error is \`{"error":{"code","message","advice"}}\`.
- **The exit code** is 0 only when what was asked for is true. \`run\` gives the exit code of its command, \`push\` that of git.
- Colour is for terminals; \`NO_COLOR=1\` turns it off.
`;

/** The whole page. */
export function cliDocs(): string {
  const sections = commandTable.map((command) => {
    const options = Object.entries(command.options).map(([name, option]) => {
      const value = option.kind === 'text' ? ` ${option.value ?? 'VALUE'}` : '';
      const long = name.length === 1 ? '' : `\`--${name}${value}\``;
      const short = option.short ? `\`-${option.short}\`, ` : '';
      return `| ${name.length === 1 ? `\`-${name}${value}\`` : short + long} | ${option.about} |`;
    });
    return [
      `## ${command.name}`,
      '',
      `${capital(command.summary)}.${command.about ? ` ${command.about}` : ''}`,
      '',
      '```',
      usageLine(command),
      '```',
      ...(options.length > 0 ? ['| option | |', '|---|---|', ...options, ''] : []),
      ...command.examples.map((example) => `    ${example}`),
      '',
    ].join('\n');
  });
  const codes = Map.groupBy(Object.entries(errorRegistry), ([, { exit }]) => exit);
  const rows = [...codes]
    .sort(([a], [b]) => a - b)
    .map(([exit, errors]) => `| ${exit} | ${errors.map(([code]) => `\`${code}\``).join(', ')} |`);
  const exits = [
    '## Exit codes',
    '',
    '| exit | |',
    '|---|---|',
    '| 0 | it is true |',
    '| 1 | it is not: the status is not IN SYNC, or the work failed |',
    ...rows,
    '',
  ];
  return [head, ...sections, exits.join('\n')].join('\n');
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
