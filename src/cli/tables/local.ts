// The app of a checkout on this machine, as a server has it.
import type { CommandSpec, OptionSpec } from '../command.ts';
import { gateCommands } from './gate.ts';
import { app, home, json } from './options.ts';

const common: Record<string, OptionSpec> = {
  app,
  'env-file': { kind: 'text', value: 'FILE', about: 'values of the app’s variables: those of the server stay there' },
  'build-secrets': { kind: 'text', value: 'FILE', about: 'values of the build secrets that lockstep.yml names' },
  live: { kind: 'flag', about: 'the very image that is live, not this checkout' },
  committed: { kind: 'flag', about: 'the last commit, not the work tree' },
  cache: { kind: 'text', value: 'DIR', about: 'where volumes, tools and dependencies are kept between runs' },
  home,
  json,
};
/** Of a shell the output is the command's own. */
const { json: _json, ...ofShell } = common;
const gate = gateCommands.find(({ name }) => name === 'gate')!;

export const localCommands: readonly CommandSpec[] = [
  {
    name: 'local run',
    summary: 'run this checkout here as the server would: the same image, user, limits, PORT and start',
    about:
      'Builds the image with this machine’s container engine, or finds it, says whether it is the very image that is live and else what differs, and starts it at a port of 127.0.0.1. An app without an image runs as processes with the same dependencies. Ctrl-C ends it as a deploy would; nothing is left but its volumes.',
    operands: '',
    counts: [0, 0],
    options: {
      port: { kind: 'text', value: 'N', about: 'the port of 127.0.0.1 (else PORT when it is free)' },
      ...common,
    },
    examples: [
      'lockstep local run',
      'lockstep local run --port 3000 --env-file .env',
      'lockstep local run --live -a blog',
    ],
    load: async () => (await import('../commands/local.ts')).localRun,
  },
  {
    ...gate,
    name: 'local gate',
    summary: 'the gate of this checkout here, in the image (the same as lockstep gate)',
    examples: ['lockstep local gate', 'lockstep local gate --only tests'],
  },
  {
    name: 'local shell',
    summary: 'a shell, or a command, in this checkout’s image with the app’s environment',
    about:
      'The user, the volumes, the limits and the variables are those of lockstep local run; the container is gone with it.',
    operands: '[-- CMD …]',
    counts: [0, Number.POSITIVE_INFINITY],
    takesRest: true,
    options: ofShell,
    examples: [
      'lockstep local shell',
      'lockstep local shell -- python -m pytest',
      'lockstep local shell --live -a blog',
    ],
    load: async () => (await import('../commands/local.ts')).localShell,
  },
  {
    name: 'local rebuild',
    summary: 'build the commit that is live again, and say whether the same image comes out',
    about:
      'Builds it here without any cache, from this checkout’s objects, and holds it against the image that is live, file by file. Exit 0: the same, but for times perhaps; 1: something differs.',
    operands: '',
    counts: [0, 0],
    options: { app, 'build-secrets': common['build-secrets']!, cache: common.cache!, home, json },
    examples: ['lockstep local rebuild', 'lockstep local rebuild --json'],
    load: async () => (await import('../commands/local.ts')).localRebuild,
  },
];
