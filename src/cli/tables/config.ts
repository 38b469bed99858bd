// The environment of an app.
import type { CommandSpec, OptionSpec } from '../command.ts';
import { ofApp, ofWork } from './options.ts';

const build: OptionSpec = {
  kind: 'flag',
  about: 'build secrets: read by the build of the image (--mount=type=secret), and by nothing that runs',
};

export const configCommands: readonly CommandSpec[] = [
  {
    name: 'config',
    summary: 'list the app’s environment',
    operands: '',
    counts: [0, 0],
    options: { ...ofApp, reveal: { kind: 'flag', about: 'show the values, too' }, build },
    examples: ['lockstep config', 'lockstep config --reveal --json', 'lockstep config --build'],
    load: async () => (await import('../commands/config.ts')).config,
  },
  {
    name: 'config get',
    summary: 'print one value',
    operands: 'KEY',
    counts: [1, 1],
    options: ofApp,
    examples: ['lockstep config get DATABASE_URL'],
    load: async () => (await import('../commands/config.ts')).configGet,
  },
  {
    name: 'config set',
    summary: 'set values; live again when the new instances are healthy',
    about:
      'A value on the command line can be read by other users of this machine and stays in the shell’s history; --file keeps secrets out of both.',
    operands: 'KEY=VALUE …',
    counts: [0, 1_000],
    options: {
      ...ofWork,
      file: { kind: 'text', value: 'FILE', about: 'read KEY=VALUE lines from it (- is standard input)' },
      build,
    },
    examples: [
      'lockstep config set GREETING="Hello there" DEBUG=0',
      'lockstep config set --file - < production.env',
      'lockstep config set --build --file - < build.env',
    ],
    load: async () => (await import('../commands/config.ts')).configSet,
  },
  {
    name: 'config unset',
    summary: 'remove values',
    operands: 'KEY …',
    counts: [1, 1_000],
    options: { ...ofWork, build },
    examples: ['lockstep config unset DEBUG'],
    load: async () => (await import('../commands/config.ts')).configUnset,
  },
];
