// The two secrets that control makes for itself at its first start and keeps beside the database: the owner's token, which the command
// line on this machine uses, and the key that signs receipts.
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import { rights } from '../domain/app.ts';
import type { TeamId } from '../domain/ids.ts';
import { newId, nowMs } from '../journey/world.ts';
import { atomicWrite } from '../lib/atomic-write.ts';
import type { LineLog } from '../lib/line-log.ts';
import { openSigner, type Signer } from '../proof/signing-key.ts';

import { insertToken, principalOf } from '../store/tokens.ts';

/** null: the file is damaged, which is said. Everything else goes on; receipts stay due until a person has decided. */
export async function readSigner(file: string, say: LineLog): Promise<Signer | null> {
  try {
    return await openSigner(file);
  } catch (error) {
    say({
      level: 'error',
      message: `${file} is not the signing key: ${(error as Error).message}. Receipts wait: restore it from a backup, or move it away and restart, then a new key signs.`,
    });
    return null;
  }
}

/** Made once: kept as a hash in the database and in a file of the owner's. */
export async function ensureOwnerToken(file: string, database: DatabaseSync, teamId: TeamId): Promise<void> {
  if (existsSync(file) && principalOf(database, readFileSync(file, 'utf8').trim(), Date.now())) return;
  const secret = `lst_${randomBytes(32).toString('base64url')}`;
  const token = {
    id: newId('tok'),
    name: 'owner',
    rights,
    appIds: null,
    createdAtMs: Math.round(nowMs()),
    expiresAtMs: null,
  };
  insertToken(database, { ...token, teamId, secret });
  await atomicWrite(file, `${secret}\n`, 0o600);
}
