// What image an app follows, and the look at it that has been asked for and has not ended.
import type { DatabaseSync } from 'node:sqlite';
import type { App } from '../domain/app.ts';
import type { AppId } from '../domain/ids.ts';
import { type ImageReference, imageText, parseImageReference } from '../domain/image-reference.ts';

/** Who asked for a look last, and where the answer is wanted besides. Each asking has an id of its own. */
export type LookDue = { id: string; actor: string; callbackUrls: readonly string[] };

/** More are not told. */
const mostCallbacks = 10;

/** null: its code comes from its repository alone. */
export function followedImage(database: DatabaseSync, appId: AppId): ImageReference | null {
  const row = database.prepare('SELECT reference FROM app_images WHERE app_id = ?').get(appId);
  return row ? parseImageReference(String(row.reference)) : null;
}

/** The caller holds the transaction. */
export function followImage(database: DatabaseSync, app: Pick<App, 'id' | 'teamId'>, image: ImageReference): void {
  database
    .prepare(
      `INSERT INTO app_images (app_id, team_id, reference) VALUES (?, ?, ?)
       ON CONFLICT (app_id) DO UPDATE SET reference = excluded.reference, seen = NULL`,
    )
    .run(app.id, app.teamId, imageText(image));
}

/** null: nothing is due. */
export function lookDue(database: DatabaseSync, appId: AppId): LookDue | null {
  const row = database.prepare('SELECT due FROM app_images WHERE app_id = ?').get(appId);
  return typeof row?.due === 'string' ? (JSON.parse(row.due) as LookDue) : null;
}

/** Whoever was to be told of what was due before is told of this. The caller holds the transaction. */
export function askForLook(
  database: DatabaseSync,
  appId: AppId,
  asked: { id: string; actor: string; callbackUrl: string | null },
): void {
  const { id, actor, callbackUrl } = asked;
  const waiting = lookDue(database, appId)?.callbackUrls ?? [];
  const callbackUrls = [...new Set([...waiting, ...(callbackUrl === null ? [] : [callbackUrl])])].slice(
    0,
    mostCallbacks,
  );
  setLookDue(database, appId, { id, actor, callbackUrls });
}

/** What was asked for since stays, without those who are told now. The caller holds the transaction. */
export function endLook(database: DatabaseSync, appId: AppId, ended: LookDue): void {
  const due = lookDue(database, appId);
  const isNewer = due !== null && due.id !== ended.id;
  const callbackUrls = due?.callbackUrls.filter((url) => !ended.callbackUrls.includes(url)) ?? [];
  setLookDue(database, appId, isNewer ? { ...due, callbackUrls } : null);
}

function setLookDue(database: DatabaseSync, appId: AppId, due: LookDue | null): void {
  database.prepare('UPDATE app_images SET due = ? WHERE app_id = ?').run(due && JSON.stringify(due), appId);
}

/** The digest at which the last look ended, however; null: none has, or what it follows is another since. */
export function seenDigest(database: DatabaseSync, appId: AppId): string | null {
  const row = database.prepare('SELECT seen FROM app_images WHERE app_id = ?').get(appId);
  return typeof row?.seen === 'string' ? row.seen : null;
}

/** The caller holds the transaction. */
export function noteSeen(database: DatabaseSync, appId: AppId, digest: string): void {
  database.prepare('UPDATE app_images SET seen = ? WHERE app_id = ?').run(digest, appId);
}

export function appsWithLooksDue(database: DatabaseSync): AppId[] {
  return database
    .prepare('SELECT app_id FROM app_images WHERE due IS NOT NULL ORDER BY app_id')
    .all()
    .map((row) => row.app_id as AppId);
}

/** Words of the command that runs after each deploy; null: none. */
export function afterCommand(database: DatabaseSync, appId: AppId): readonly string[] | null {
  const row = database.prepare('SELECT after_command FROM app_images WHERE app_id = ?').get(appId);
  return typeof row?.after_command === 'string' ? (JSON.parse(row.after_command) as string[]) : null;
}

/** The caller holds the transaction. */
export function setAfterCommand(database: DatabaseSync, appId: AppId, argv: readonly string[] | null): void {
  database.prepare('UPDATE app_images SET after_command = ? WHERE app_id = ?').run(argv && JSON.stringify(argv), appId);
}
