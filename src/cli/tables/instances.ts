// What runs: its output, its processes, a command beside it.
import type { CommandSpec } from '../command.ts';
import { count, follow, ofApp, ofWork } from './options.ts';

export const instancesCommands: readonly CommandSpec[] = [
  {
    name: 'logs',
    summary: 'show what the app wrote',
    operands: '',
    counts: [0, 0],
    options: { ...ofApp, follow, n: { ...count, about: 'the last N lines (100)' } },
    examples: ['lockstep logs', 'lockstep logs -f -n 20'],
    load: async () => (await import('../commands/logs.ts')).logs,
  },
  {
    name: 'ps',
    summary: 'list the app’s processes',
    operands: '',
    counts: [0, 0],
    options: ofApp,
    examples: ['lockstep ps'],
    load: async () => (await import('../commands/ps.ts')).ps,
  },
  {
    name: 'restart',
    summary: 'start new instances of the live release and switch to them',
    operands: '',
    counts: [0, 0],
    options: ofWork,
    examples: ['lockstep restart'],
    load: async () => (await import('../commands/restart.ts')).restart,
  },
  {
    name: 'run',
    summary: 'run a command with the live release’s code and config',
    about:
      'Its output and exit code become ours; it gets no input. Options of `run` itself stand before CMD. Ctrl-C cancels it.',
    operands: 'CMD …',
    counts: [1, 10_000],
    takesRest: true,
    options: ofApp,
    examples: ['lockstep run flask --app app db upgrade', "lockstep run -a blog -- sh -c 'echo $GIT_REV'"],
    load: async () => (await import('../commands/run.ts')).run,
  },
];
