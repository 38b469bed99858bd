// What asks for main to move.
import type { CommandSpec } from '../command.ts';
import { app, home } from './options.ts';

export const landingCommands: readonly CommandSpec[] = [
  {
    name: 'push',
    summary: 'push HEAD (or REF) to the app’s main branch',
    about: 'The same as git push, with git’s output and exit code; with -a also where there is no remote.',
    operands: '[REF]',
    counts: [0, 1],
    options: { app, home },
    examples: ['lockstep push', 'lockstep push feature -a blog'],
    load: async () => (await import('../commands/push.ts')).push,
  },
];
