// What was live: listed, proven, brought back.
import type { CommandSpec } from '../command.ts';
import { count, ofApp, ofServer, ofWork } from './options.ts';

export const releasesCommands: readonly CommandSpec[] = [
  {
    name: 'releases',
    summary: 'list what was live, newest first',
    operands: '',
    counts: [0, 0],
    options: { ...ofApp, n: count },
    examples: ['lockstep releases', 'lockstep releases -n 100 --json'],
    load: async () => (await import('../commands/releases.ts')).releases,
  },
  {
    name: 'receipt',
    summary: 'print the signed receipt of the live release, or of vN',
    about:
      'It says which commit, tree, artifact and config went live, what the checks said, and when. With --verify it checks one from a file against a public key, on any machine: no server is asked.',
    operands: '[vN]',
    counts: [0, 1],
    options: {
      ...ofApp,
      verify: { kind: 'text', value: 'FILE', about: 'verify this receipt instead' },
      key: { kind: 'text', value: 'PUB', about: 'the public key (PEM) to verify with' },
    },
    examples: ['lockstep receipt v12', 'lockstep receipt --verify v12.receipt --key lockstep.pub'],
    load: async () => (await import('../commands/receipt.ts')).receipt,
  },
  {
    name: 'receipt key',
    summary: 'print the public key that verifies this server’s receipts',
    operands: '',
    counts: [0, 0],
    options: ofServer,
    examples: ['lockstep receipt key'],
    load: async () => (await import('../commands/receipt.ts')).receiptKey,
  },
  {
    name: 'rollback',
    summary: 'bring back the release before this one, or vN',
    about:
      'Lands a revert commit on main, so that main and live stay equal. Config stays as it is unless --config brings that of vN back, too.',
    operands: '[vN]',
    counts: [0, 1],
    options: { ...ofWork, config: { kind: 'flag', about: 'also bring back its config' } },
    examples: ['lockstep rollback', 'lockstep rollback v10', 'lockstep rollback v10 --config'],
    load: async () => (await import('../commands/rollback.ts')).rollback,
  },
];
