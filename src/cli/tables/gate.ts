// What the gate would say, asked before anything is proposed.
import type { CommandSpec } from '../command.ts';
import { json } from './options.ts';

export const gateCommands: readonly CommandSpec[] = [
  {
    name: 'gate',
    summary: 'what the gate would say of this checkout, without a server',
    about:
      'Runs the checks, the build and the boot of the server’s gate on the work tree, what is not committed too, against main as this checkout knows it. Nothing moves. Exit 0: it passes; 1: it is rejected; 75: no verdict.',
    operands: '',
    counts: [0, 0],
    options: {
      base: { kind: 'text', value: 'REF', about: 'what main is taken to be (else the remote’s main)' },
      only: { kind: 'text', value: 'CHECKS', about: 'only these checks, with commas between them' },
      committed: { kind: 'flag', about: 'the last commit, not the work tree' },
      print: { kind: 'flag', about: 'say what would run, and where each line of it comes from' },
      fix: { kind: 'flag', about: 'first let the tools that can mend the changed files' },
      recheck: { kind: 'flag', about: 'run the checks although this tree was checked before' },
      'install-hook': { kind: 'flag', about: 'ask the gate before each git push of this checkout' },
      cache: { kind: 'text', value: 'DIR', about: 'where tools and dependencies are kept between runs' },
      json,
    },
    examples: ['lockstep gate', 'lockstep gate --only style,tests', 'lockstep gate --print', 'lockstep gate --fix'],
    load: async () => (await import('../commands/gate.ts')).gate,
  },
  {
    name: 'dockerfile',
    summary: 'print a Dockerfile for this checkout',
    about:
      'It is made from the plan that a deploy follows: the same dependencies, the same versions of servers and installers, the same start. With runtime: docker in lockstep.yml this is what is built; committed as Dockerfile it takes over.',
    operands: '',
    counts: [0, 0],
    options: {
      committed: { kind: 'flag', about: 'of the last commit, not of the work tree' },
      json,
    },
    examples: ['lockstep dockerfile', 'lockstep dockerfile > Dockerfile'],
    load: async () => (await import('../commands/dockerfile.ts')).dockerfile,
  },
];
