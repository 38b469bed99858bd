// Questions about releases and the artifacts that they are made of.
import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import type { AppId, ChangeId, CommitId, Digest, InstanceSetId, ReleaseId, TeamId, TreeId } from '../domain/ids.ts';
import type { Plan } from '../domain/plan.ts';
import type { Artifact, ImageArtifact, Release, ReleaseCause, ReleaseState } from '../domain/release.ts';

export type NewRelease = Omit<Release, 'version' | 'state' | 'reason' | 'liveAtMs'>;

/** In state `starting`; the caller holds the transaction. */
export function insertRelease(database: DatabaseSync, release: NewRelease): void {
  database
    .prepare(
      `INSERT INTO releases (id, team_id, app_id, cause, state, commit_id, tree_id, artifact_digest, config_version, set_id,
         change_id, actor, description, docs, created_at_ms)
       VALUES (?, ?, ?, ?, 'starting', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    )
    .run(
      release.id,
      release.teamId,
      release.appId,
      release.cause,
      release.commit,
      release.treeId,
      release.artifactDigest,
      release.configVersion,
      release.setId,
      release.changeId,
      release.actor,
      release.description,
      docsText(release.docs),
      release.createdAtMs,
    );
}

export function findRelease(database: DatabaseSync, appId: AppId, id: ReleaseId): Release | null {
  const row = database.prepare('SELECT * FROM releases WHERE id = ? AND app_id = ?').get(id, appId);
  return row ? present(row) : null;
}

export function releaseOfVersion(database: DatabaseSync, appId: AppId, version: number): Release | null {
  const row = database.prepare('SELECT * FROM releases WHERE app_id = ? AND version = ?').get(appId, version);
  return row ? present(row) : null;
}

export function liveRelease(database: DatabaseSync, appId: AppId): Release | null {
  const row = database.prepare("SELECT * FROM releases WHERE app_id = ? AND state = 'live'").get(appId);
  return row ? present(row) : null;
}

export function startingReleases(database: DatabaseSync): Release[] {
  return database.prepare("SELECT * FROM releases WHERE state = 'starting' ORDER BY id").all().map(present);
}

/** The number that the next release to go live gets. */
export function nextVersion(database: DatabaseSync, appId: AppId): number {
  const { next } = database
    .prepare('SELECT coalesce(max(version), 0) + 1 AS next FROM releases WHERE app_id = ?')
    .get(appId) as { next: number };
  return next;
}

/** True when a release of this tree has served. */
export function hasBeenLive(database: DatabaseSync, appId: AppId, treeId: TreeId): boolean {
  return (
    database
      .prepare('SELECT 1 FROM releases WHERE app_id = ? AND tree_id = ? AND version IS NOT NULL')
      .get(appId, treeId) !== undefined
  );
}

/** Newest first, made before `before` (null: from the newest). Failed ones are among them, without a number. */
export function listReleases(database: DatabaseSync, appId: AppId, before: ReleaseId | null, limit: number): Release[] {
  return database
    .prepare('SELECT * FROM releases WHERE app_id = ? AND id < ? ORDER BY id DESC LIMIT ?')
    .all(appId, before ?? 'rel_~', limit)
    .map(present);
}

/** A restart serves the same release with new instances. */
export function replaceSet(database: DatabaseSync, id: ReleaseId, setId: InstanceSetId): void {
  database.prepare("UPDATE releases SET set_id = ? WHERE id = ? AND state = 'live'").run(setId, id);
}

/** Set when its checks have passed, before main moves. The caller holds the transaction. */
export function noteDocs(database: DatabaseSync, id: ReleaseId, docs: Release['docs']): void {
  database.prepare("UPDATE releases SET docs = ? WHERE id = ? AND state = 'starting'").run(docsText(docs), id);
}

/** What documentation is served for the app of this name; null: there is no such app. No principal's question: it is public. */
export function liveDocs(database: DatabaseSync, name: string): { appId: AppId; sites: Release['docs'] } | null {
  const row = database
    .prepare(
      `SELECT a.id, r.docs FROM apps a LEFT JOIN releases r ON r.app_id = a.id AND r.state = 'live' WHERE a.name = ?`,
    )
    .get(name);
  return row ? { appId: row.id as AppId, sites: docsOf(row.docs) } : null;
}

/** Digests of the documentation of the newest `count` releases that did not fail. */
export function docsWorthKeeping(database: DatabaseSync, appId: AppId, count: number): Digest[] {
  const rows = database
    .prepare(`SELECT docs FROM releases WHERE app_id = ? AND state != 'failed' ORDER BY id DESC LIMIT ?`)
    .all(appId, count);
  const live = liveRelease(database, appId)?.docs ?? [];
  return [...rows.flatMap((row) => docsOf(row.docs)), ...live].map(({ digest }) => digest);
}

const docsText = (docs: Release['docs']): string | null => (docs.length === 0 ? null : JSON.stringify(docs));
const docsOf = (text: unknown): Release['docs'] => (typeof text === 'string' ? JSON.parse(text) : []);

/** Keeps an artifact; one that is known is left as it is. */
export function keepArtifact(
  database: DatabaseSync,
  owner: { teamId: TeamId; appId: AppId },
  artifact: Artifact,
  nowMs: number,
): void {
  database
    .prepare(
      `INSERT INTO artifacts (team_id, app_id, digest, tree_id, layer_key, gate_layer_key, built_key, image, plan, created_at_ms)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (app_id, digest) DO NOTHING`,
    )
    .run(
      owner.teamId,
      owner.appId,
      artifact.digest,
      artifact.treeId,
      artifact.layerKey,
      artifact.gateLayerKey,
      artifact.builtKey ?? null,
      artifact.image ? JSON.stringify(artifact.image) : null,
      JSON.stringify(artifact.plan),
      nowMs,
    );
}

export function findArtifact(database: DatabaseSync, appId: AppId, digest: Digest): Artifact | null {
  const row = database.prepare('SELECT * FROM artifacts WHERE app_id = ? AND digest = ?').get(appId, digest);
  if (!row) return null;
  return {
    digest: row.digest as Digest,
    treeId: row.tree_id as TreeId,
    layerKey: row.layer_key as string | null,
    gateLayerKey: row.gate_layer_key as string | null,
    ...(row.built_key === null ? {} : { builtKey: String(row.built_key) }),
    ...(row.image === null ? {} : { image: JSON.parse(String(row.image)) as ImageArtifact }),
    plan: JSON.parse(String(row.plan)) as Plan,
  };
}

/** Trees, layers and images of the newest `count` releases that were live: what is worth keeping for a rollback. */
export function worthKeeping(
  database: DatabaseSync,
  appId: AppId,
  count: number,
): { treeIds: TreeId[]; layerKeys: string[]; imageIds: string[] } {
  const rows = database
    .prepare(
      `SELECT a.tree_id, a.layer_key, a.gate_layer_key, a.built_key, json_extract(a.plan, '$.partLayers') AS parts,
              json_extract(a.image, '$.id') AS image FROM releases r
       JOIN artifacts a ON a.app_id = r.app_id AND a.digest = r.artifact_digest
       WHERE r.app_id = ? AND r.state != 'failed' ORDER BY r.id DESC LIMIT ?`,
    )
    .all(appId, count);
  return {
    treeIds: [...new Set(rows.map((row) => row.tree_id as TreeId))],
    layerKeys: [
      ...new Set(
        rows
          .flatMap((row) => [
            ...[row.layer_key, row.gate_layer_key, row.built_key],
            ...Object.values(JSON.parse(String(row.parts ?? '{}')) as Plan['partLayers'] & object),
          ])
          .filter((key) => key !== null),
      ),
    ] as string[],
    imageIds: [...new Set(rows.flatMap((row) => (row.image === null ? [] : String(row.image))))],
  };
}

/** The digests of registries' images that the newest `count` releases run: what a rollback may pull again. */
export function pulledDigests(database: DatabaseSync, appId: AppId, count: number): string[] {
  const rows = database
    .prepare(
      `SELECT json_extract(a.plan, '$.image.pulled') AS image FROM releases r
       JOIN artifacts a ON a.app_id = r.app_id AND a.digest = r.artifact_digest
       WHERE r.app_id = ? AND r.state != 'failed' ORDER BY r.id DESC LIMIT ?`,
    )
    .all(appId, count);
  return rows.flatMap(({ image }) => (typeof image === 'string' ? image.slice(image.lastIndexOf('@') + 1) : []));
}

function present(row: Record<string, SQLOutputValue>): Release {
  return {
    id: row.id as ReleaseId,
    teamId: row.team_id as TeamId,
    appId: row.app_id as AppId,
    version: row.version === null ? null : Number(row.version),
    cause: row.cause as ReleaseCause,
    state: row.state as ReleaseState,
    commit: row.commit_id as CommitId,
    treeId: row.tree_id as TreeId,
    artifactDigest: row.artifact_digest as Digest,
    configVersion: Number(row.config_version),
    setId: row.set_id as InstanceSetId,
    changeId: row.change_id as ChangeId | null,
    actor: String(row.actor),
    description: String(row.description),
    reason: row.reason as string | null,
    docs: docsOf(row.docs),
    createdAtMs: Number(row.created_at_ms),
    liveAtMs: row.live_at_ms === null ? null : Number(row.live_at_ms),
  };
}
