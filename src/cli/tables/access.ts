// Who may ask: this user’s token, and the tokens of others.
import type { CommandSpec } from '../command.ts';
import { json, ofServer } from './options.ts';

export const accessCommands: readonly CommandSpec[] = [
  {
    name: 'login',
    summary: 'use a Lockstep on another machine',
    about:
      'The token is typed unseen, piped in, or read from a file, checked with the server, and kept for this user only (0600).',
    operands: 'URL',
    counts: [1, 1],
    options: {
      'token-file': { kind: 'text', value: 'FILE', about: 'read the token from it (- is standard input)' },
      json,
    },
    examples: [
      'lockstep login https://lockstep.example.org',
      'lockstep login http://10.0.0.5:8080 --token-file ./token',
    ],
    load: async () => (await import('../commands/login.ts')).login,
  },
  {
    name: 'whoami',
    summary: 'show the server and what the token may do',
    operands: '',
    counts: [0, 0],
    options: ofServer,
    examples: ['lockstep whoami'],
    load: async () => (await import('../commands/whoami.ts')).whoami,
  },
  {
    name: 'tokens',
    summary: 'list the tokens',
    operands: '',
    counts: [0, 0],
    options: { ...ofServer, all: { kind: 'flag', about: 'also revoked and expired ones' } },
    examples: ['lockstep tokens', 'lockstep tokens --all --json'],
    load: async () => (await import('../commands/tokens.ts')).tokens,
  },
  {
    name: 'tokens create',
    summary: 'make a token; its secret is shown once',
    operands: 'NAME',
    counts: [1, 1],
    options: {
      rights: { kind: 'text', value: 'R,R', about: 'of read, deploy, config, admin (read,deploy)' },
      apps: { kind: 'text', value: 'A,B', about: 'only for these apps' },
      expires: { kind: 'text', value: '30d', about: 'ends after 12h, 30d, 1y (never)' },
      ...ofServer,
    },
    examples: ['lockstep tokens create ci --rights read,deploy --apps blog --expires 30d'],
    load: async () => (await import('../commands/tokens.ts')).tokensCreate,
  },
  {
    name: 'tokens revoke',
    summary: 'end a token, at once',
    operands: 'NAME|ID',
    counts: [1, 1],
    options: ofServer,
    examples: ['lockstep tokens revoke ci'],
    load: async () => (await import('../commands/tokens.ts')).tokensRevoke,
  },
];
