// An app as a whole: made, found, opened, removed.
import type { CommandSpec } from '../command.ts';
import { ofApp, ofServer } from './options.ts';

export const appsCommands: readonly CommandSpec[] = [
  {
    name: 'create',
    summary: 'make an app, and the remote of this work tree',
    about:
      'In a git work tree it adds the remote "lockstep" and lets git read the token, so that `git push lockstep main` asks nothing.',
    operands: 'NAME',
    counts: [1, 1],
    options: {
      main: {
        kind: 'text',
        value: 'BRANCH',
        about: 'the main branch (else main or master, whichever is pushed first)',
      },
      image: { kind: 'text', value: 'REF', about: 'an app without code: the image of a registry that it follows' },
      'no-remote': { kind: 'flag', about: 'leave git alone' },
      ...ofServer,
    },
    examples: [
      'lockstep create blog',
      'lockstep create blog --main trunk',
      'lockstep create blog --no-remote',
      'lockstep create web --image ghcr.io/team/web:latest',
    ],
    load: async () => (await import('../commands/create.ts')).create,
  },
  {
    name: 'remote',
    summary: 'point this work tree at an app that exists',
    operands: '',
    counts: [0, 0],
    options: ofApp,
    examples: ['lockstep remote -a blog'],
    load: async () => (await import('../commands/remote.ts')).remote,
  },
  {
    name: 'apps',
    summary: 'list the apps',
    operands: '',
    counts: [0, 0],
    options: ofServer,
    examples: ['lockstep apps', 'lockstep apps --json'],
    load: async () => (await import('../commands/apps.ts')).apps,
  },
  {
    name: 'status',
    summary: 'is main what is live? Exit 0 only when it is IN SYNC',
    operands: '',
    counts: [0, 0],
    options: ofApp,
    examples: ['lockstep status', 'lockstep status -a blog --json'],
    load: async () => (await import('../commands/status.ts')).status,
  },
  {
    name: 'open',
    summary: 'open the app, or its documentation, in the browser',
    operands: '',
    counts: [0, 0],
    options: {
      ...ofApp,
      docs: { kind: 'flag', about: 'the documentation of what is live' },
      print: { kind: 'flag', about: 'only print the address' },
    },
    examples: ['lockstep open', 'lockstep open --docs', 'lockstep open --print'],
    load: async () => (await import('../commands/open.ts')).open,
  },
  {
    name: 'destroy',
    summary: 'stop and remove an app',
    about: 'Asks for the name again. Its volumes stay on the server’s disk unless --volumes removes them, too.',
    operands: '',
    counts: [0, 0],
    options: {
      ...ofApp,
      volumes: { kind: 'flag', about: 'also remove the files in its volumes' },
      yes: { kind: 'flag', short: 'y', about: 'do not ask' },
    },
    examples: ['lockstep destroy -a blog', 'lockstep destroy -a blog --volumes --yes'],
    load: async () => (await import('../commands/destroy.ts')).destroy,
  },
];
