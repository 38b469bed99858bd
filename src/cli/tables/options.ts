// The options that several commands have in common.
import type { OptionSpec } from '../command.ts';

export const home: OptionSpec = { kind: 'text', value: 'DIR', about: 'the home of the Lockstep on this machine' };
export const json: OptionSpec = { kind: 'flag', about: 'print JSON' };
export const app: OptionSpec = {
  kind: 'text',
  short: 'a',
  value: 'NAME',
  about: 'the app (else: the work tree’s remote)',
};
export const count: OptionSpec = { kind: 'text', short: 'n', value: 'N', about: 'at most so many' };
export const follow: OptionSpec = { kind: 'flag', short: 'f', about: 'follow what comes, until Ctrl-C' };
export const noWait: OptionSpec = { kind: 'flag', about: 'return when it has begun' };
export const passphraseFile: OptionSpec = {
  kind: 'text',
  value: 'FILE',
  about: 'read the passphrase from it (- is standard input)',
};
export const ofServer = { home, json };
export const ofApp = { app, home, json };
export const ofWork = { ...ofApp, 'no-wait': noWait };
