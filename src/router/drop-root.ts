// Root is given up after the bind, for good: groups first, then group, then user. The snapshot's folder becomes the new
// user's own, and that it can be written is tried at once: a router that cannot keep its routes must not start.
import { accessSync, chownSync, constants, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fail } from '../domain/errors.ts';
import type { Identity } from '../lib/identity.ts';

/**
 * Does nothing when the process is not root.
 * @throws home-unreachable when the new user cannot write `folder`
 */
export function dropRoot({ uid, gid }: Identity, folder: string): void {
  if (process.getuid?.() !== 0) return;
  for (const path of [folder, ...readdirSync(folder).map((name) => join(folder, name))]) chownSync(path, uid, gid);
  process.setgroups?.([gid]);
  process.setgid?.(gid);
  process.setuid?.(uid);
  try {
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw fail('home-unreachable', `User ${uid} cannot reach ${folder}`, {
      advice: 'Every folder above it needs the right to pass (chmod o+x), or choose another --home.',
      cause,
    });
  }
}
