// What was proposed for main, and what became of it.
import type { CommandSpec } from '../command.ts';
import { count, follow, ofApp } from './options.ts';

export const changesCommands: readonly CommandSpec[] = [
  {
    name: 'changes',
    summary: 'list what was proposed for main, and what became of it',
    operands: '',
    counts: [0, 0],
    options: {
      ...ofApp,
      state: { kind: 'text', value: 'STATE', about: 'only those of this state, or running' },
      n: count,
    },
    examples: ['lockstep changes -n 5', 'lockstep changes --state rejected'],
    load: async () => (await import('../commands/changes.ts')).changes,
  },
  {
    name: 'change',
    summary: 'show one change: its checks, its findings with their lines, and how to reproduce them',
    about:
      'By its number or its id; the newest, when none is given. --follow shows what the gate says as it says it, also from another terminal than that of the push, and exits 0 only when the change landed.',
    operands: '[N|ID]',
    counts: [0, 1],
    options: { ...ofApp, follow },
    examples: ['lockstep change 42', 'lockstep change --follow', 'lockstep change 42 --json'],
    load: async () => (await import('../commands/change.ts')).change,
  },
  {
    name: 'quality',
    summary: 'coverage, findings, documentation and tests over the last releases',
    operands: '',
    counts: [0, 0],
    options: { ...ofApp, n: count },
    examples: ['lockstep quality', 'lockstep quality -n 50 --json'],
    load: async () => (await import('../commands/quality.ts')).quality,
  },
  {
    name: 'badge',
    summary: 'the addresses of an app’s badges, and who may read them',
    about: 'Without a token nobody may until --public.',
    operands: '',
    counts: [0, 0],
    options: {
      ...ofApp,
      public: { kind: 'flag', about: 'let anybody read them' },
      private: { kind: 'flag', about: 'only with a token' },
    },
    examples: ['lockstep badge', 'lockstep badge --public'],
    load: async () => (await import('../commands/quality.ts')).badge,
  },
  {
    name: 'events',
    summary: 'show the ledger: who did what, and when',
    operands: '',
    counts: [0, 0],
    options: {
      ...ofApp,
      follow,
      n: count,
      after: { kind: 'text', value: 'SEQ', about: 'only events after this number' },
      'all-apps': { kind: 'flag', about: 'of every app' },
    },
    examples: ['lockstep events -f', 'lockstep events --all-apps --after 1200 --json'],
    load: async () => (await import('../commands/events.ts')).events,
  },
];
