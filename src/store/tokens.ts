// Tokens: 256 random bits, shown once, kept as a SHA-256 hash (a hash without salt or stretching is enough for a secret
// that nobody can guess: it has full entropy). Looked up by hash, so no comparison of secrets leaks time.
import { createHash } from 'node:crypto';
import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import { type Principal, type Right, rights, type Token } from '../domain/app.ts';
import type { AppId, TeamId, TokenId } from '../domain/ids.ts';

export type NewToken = Omit<Token, 'revokedAtMs'> & { teamId: TeamId; secret: string };

function hashToken(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

export function insertToken(database: DatabaseSync, token: NewToken): void {
  database
    .prepare(
      'INSERT INTO tokens (id, team_id, name, hash, rights, app_ids, created_at_ms, expires_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
    )
    .run(
      token.id,
      token.teamId,
      token.name,
      hashToken(token.secret),
      token.rights.join(','),
      token.appIds ? JSON.stringify(token.appIds) : null,
      token.createdAtMs,
      token.expiresAtMs,
    );
}

/** The principal behind a secret; null when it is unknown, expired or revoked. Asked at every request: a revoked token is dead at once. */
export function principalOf(database: DatabaseSync, secret: string, nowMs: number): Principal | null {
  const row = database
    .prepare(
      'SELECT id, name, team_id, rights, app_ids FROM tokens WHERE hash = ? AND revoked_at_ms IS NULL AND (expires_at_ms IS NULL OR expires_at_ms > ?)',
    )
    .get(hashToken(secret), nowMs);
  return row ? presentPrincipal(row) : null;
}

/** The same by the token's id: for who was let in by its secret before, and may have lost it since. */
export function principalOfToken(database: DatabaseSync, id: TokenId, nowMs: number): Principal | null {
  const row = database
    .prepare(
      'SELECT id, name, team_id, rights, app_ids FROM tokens WHERE id = ? AND revoked_at_ms IS NULL AND (expires_at_ms IS NULL OR expires_at_ms > ?)',
    )
    .get(id, nowMs);
  return row ? presentPrincipal(row) : null;
}

function presentPrincipal(row: Record<string, SQLOutputValue>): Principal {
  return {
    tokenId: row.id as TokenId,
    name: String(row.name),
    teamId: row.team_id as TeamId,
    rights: parseRights(String(row.rights)),
    appIds: row.app_ids === null ? null : (JSON.parse(String(row.app_ids)) as AppId[]),
  };
}

/** Why this token has not all of these rights to the app any more, in words: `its token "ci" was revoked`; null: it has them. */
export function tokenTrouble(
  database: DatabaseSync,
  id: TokenId,
  appId: AppId,
  needed: readonly Right[],
  nowMs: number,
): string | null {
  const row = database
    .prepare('SELECT name, rights, app_ids, expires_at_ms, revoked_at_ms FROM tokens WHERE id = ?')
    .get(id);
  if (!row) return 'its token is gone';
  const token = `its token "${row.name}"`;
  if (row.revoked_at_ms !== null) return `${token} was revoked`;
  if (row.expires_at_ms !== null && Number(row.expires_at_ms) <= nowMs) return `${token} has expired`;
  const missing = needed.filter((right) => !parseRights(String(row.rights)).includes(right));
  if (missing.length > 0) return `${token} has lost the right ${missing.join(' and ')}`;
  const isOfApp = row.app_ids === null || (JSON.parse(String(row.app_ids)) as AppId[]).includes(appId);
  return isOfApp ? null : `${token} is not for this app any more`;
}

/** True when there was such a token of the principal's team that was not revoked yet. */
export function revokeToken(database: DatabaseSync, principal: Principal, id: TokenId, nowMs: number): boolean {
  const update = database.prepare(
    'UPDATE tokens SET revoked_at_ms = ? WHERE id = ? AND team_id = ? AND revoked_at_ms IS NULL',
  );
  return update.run(nowMs, id, principal.teamId).changes === 1;
}

/** The team's tokens, newest first, without their hashes. */
export function listTokens(database: DatabaseSync, principal: Principal): Token[] {
  const rows = database
    .prepare(
      'SELECT id, name, rights, app_ids, created_at_ms, expires_at_ms, revoked_at_ms FROM tokens WHERE team_id = ? ORDER BY id DESC',
    )
    .all(principal.teamId);
  return rows.map((row) => ({
    id: row.id as TokenId,
    name: String(row.name),
    rights: parseRights(String(row.rights)),
    appIds: row.app_ids === null ? null : (JSON.parse(String(row.app_ids)) as AppId[]),
    createdAtMs: Number(row.created_at_ms),
    expiresAtMs: row.expires_at_ms === null ? null : Number(row.expires_at_ms),
    revokedAtMs: row.revoked_at_ms === null ? null : Number(row.revoked_at_ms),
  }));
}

function parseRights(text: string): Right[] {
  return rights.filter((right) => text.split(',').includes(right));
}
