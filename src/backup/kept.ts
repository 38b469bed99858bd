// Where the small files of a home are that a backup keeps, and what of the home it does not keep: trees, layers and toolchains
// are made again from the repositories; desired state, routes, records and logs belong to a machine that runs. Whoever adds a
// secret or a certificate to the home adds it here and to the list of names.
import { join } from 'node:path';
import type { KeptName } from './entries.ts';

const places: Readonly<Record<KeptName, readonly string[]>> = {
  'owner.token': ['control', 'owner.token'],
  'receipt.key': ['control', 'receipt.key'],
  'node-id': ['agent', 'node-id'],
};

export const keptFile = (home: string, name: KeptName): string => join(home, ...places[name]);
export const databaseFile = (home: string): string => join(home, 'control', 'lockstep.db');
export const repositoryFolder = (home: string, app: string): string => join(home, 'control', 'repos', `${app}.git`);
export const volumesFolder = (home: string, app: string): string => join(home, 'apps', app, 'volumes');
/** While it is there the home is half restored, and nothing starts on it. */
export const incompleteMark = (home: string): string => join(home, 'restore-incomplete');
