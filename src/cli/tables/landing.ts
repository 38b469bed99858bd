// What asks for main to move.
import type { CommandSpec } from '../command.ts';
import { app, home, noWait, ofApp } from './options.ts';

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
  {
    name: 'merge',
    summary: 'ask for a branch (else: the one that is checked out) to be merged into main',
    about:
      'It waits in the queue, is tested on what main is then, and lands only as it was tested; docs/landing.md says how. Push the branch before. Exit 0 with --wait only when it has landed, with --dry-run only when it would.',
    operands: '[BRANCH]',
    counts: [0, 1],
    options: {
      wait: { kind: 'flag', about: 'show the gate, and return when it has ended' },
      priority: { kind: 'text', value: 'P', about: 'hotfix goes before the others, through the same checks' },
      'dry-run': { kind: 'flag', about: 'only say whether it would merge, and pass' },
      'allow-weaken': { kind: 'flag', about: 'it may make main’s gate weaker (admins)' },
      cancel: { kind: 'flag', about: 'end the request' },
      ...ofApp,
    },
    examples: ['lockstep merge feature --wait', 'lockstep merge --dry-run', 'lockstep merge fix --priority hotfix'],
    load: async () => (await import('../commands/merge.ts')).merge,
  },
  {
    name: 'land',
    summary: 'land a branch without the checks, with a reason (admins, in an emergency)',
    about:
      'It is built and started all the same. The reason is in the commit, the ledger and the receipt; the next gate measures against main as it was before.',
    operands: '[BRANCH]',
    counts: [0, 1],
    options: {
      override: { kind: 'text', value: 'REASON', about: 'why' },
      ...ofApp,
      'no-wait': noWait,
    },
    examples: ['lockstep land fix --override "checkout is down, the test environment too"'],
    load: async () => (await import('../commands/merge.ts')).land,
  },
];
