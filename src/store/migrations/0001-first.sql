-- Every table of an app's things carries team_id; one team, `default`, until there are more.
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE teams (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, created_at_ms INTEGER NOT NULL) STRICT;
CREATE TABLE tokens (
  id TEXT PRIMARY KEY, team_id TEXT NOT NULL REFERENCES teams (id), name TEXT NOT NULL,
  hash TEXT NOT NULL UNIQUE, rights TEXT NOT NULL, app_ids TEXT,
  created_at_ms INTEGER NOT NULL, expires_at_ms INTEGER, revoked_at_ms INTEGER, last_used_at_ms INTEGER
) STRICT;
CREATE TABLE apps (
  id TEXT PRIMARY KEY, team_id TEXT NOT NULL REFERENCES teams (id), name TEXT NOT NULL, main_branch TEXT,
  identity INTEGER NOT NULL UNIQUE, was_ever_healthy INTEGER NOT NULL DEFAULT 0, has_ever_run_tests INTEGER NOT NULL DEFAULT 0,
  routed_set_id TEXT, created_at_ms INTEGER NOT NULL,
  UNIQUE (team_id, id), UNIQUE (name)
) STRICT;
CREATE TABLE hosts (
  host TEXT PRIMARY KEY, team_id TEXT NOT NULL, app_id TEXT NOT NULL,
  FOREIGN KEY (team_id, app_id) REFERENCES apps (team_id, id) ON DELETE CASCADE
) STRICT;
CREATE TABLE config_versions (
  team_id TEXT NOT NULL, app_id TEXT NOT NULL, version INTEGER NOT NULL, entries TEXT NOT NULL, actor TEXT NOT NULL, created_at_ms INTEGER NOT NULL,
  PRIMARY KEY (app_id, version), FOREIGN KEY (team_id, app_id) REFERENCES apps (team_id, id) ON DELETE CASCADE
) STRICT;
CREATE TABLE artifacts (
  team_id TEXT NOT NULL, app_id TEXT NOT NULL, digest TEXT NOT NULL, tree_id TEXT NOT NULL, layer_key TEXT, gate_layer_key TEXT, plan TEXT NOT NULL, created_at_ms INTEGER NOT NULL,
  PRIMARY KEY (app_id, digest), FOREIGN KEY (team_id, app_id) REFERENCES apps (team_id, id) ON DELETE CASCADE
) STRICT;
CREATE TABLE verdicts (
  team_id TEXT NOT NULL, app_id TEXT NOT NULL, key TEXT NOT NULL, tree_id TEXT NOT NULL, policy_key TEXT NOT NULL, outcome TEXT NOT NULL, verdict TEXT NOT NULL, created_at_ms INTEGER NOT NULL,
  PRIMARY KEY (app_id, key), FOREIGN KEY (team_id, app_id) REFERENCES apps (team_id, id) ON DELETE CASCADE
) STRICT;
CREATE INDEX verdicts_of_tree ON verdicts (app_id, tree_id);
CREATE TABLE changes (
  id TEXT PRIMARY KEY, team_id TEXT NOT NULL, app_id TEXT NOT NULL, number INTEGER NOT NULL, how TEXT NOT NULL, actor TEXT NOT NULL, branch TEXT NOT NULL,
  base TEXT, head TEXT NOT NULL, candidate TEXT, tree TEXT, state TEXT NOT NULL, reason TEXT, release_id TEXT, set_id TEXT,
  is_memoised INTEGER NOT NULL DEFAULT 0, verdict TEXT, moments TEXT NOT NULL DEFAULT '{}', created_at_ms INTEGER NOT NULL, ended_at_ms INTEGER,
  UNIQUE (app_id, number), FOREIGN KEY (team_id, app_id) REFERENCES apps (team_id, id) ON DELETE CASCADE
) STRICT;
CREATE INDEX changes_running ON changes (state) WHERE ended_at_ms IS NULL;
CREATE TABLE releases (
  id TEXT PRIMARY KEY, team_id TEXT NOT NULL, app_id TEXT NOT NULL, version INTEGER, cause TEXT NOT NULL, state TEXT NOT NULL,
  commit_id TEXT NOT NULL, tree_id TEXT NOT NULL, artifact_digest TEXT NOT NULL, config_version INTEGER NOT NULL, set_id TEXT NOT NULL,
  change_id TEXT, actor TEXT NOT NULL, description TEXT NOT NULL, reason TEXT, created_at_ms INTEGER NOT NULL, live_at_ms INTEGER,
  UNIQUE (app_id, version), FOREIGN KEY (team_id, app_id) REFERENCES apps (team_id, id) ON DELETE CASCADE
) STRICT;
CREATE UNIQUE INDEX releases_one_live ON releases (app_id) WHERE state = 'live';
CREATE TABLE events (
  seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, team_id TEXT NOT NULL, app_id TEXT, change_id TEXT, release_id TEXT,
  type TEXT NOT NULL, actor TEXT NOT NULL, at_ms INTEGER NOT NULL, data TEXT NOT NULL
) STRICT;
CREATE INDEX events_of_app ON events (app_id, seq);
CREATE TABLE idempotency_keys (
  team_id TEXT NOT NULL, key TEXT NOT NULL, fingerprint TEXT NOT NULL, status INTEGER NOT NULL, body TEXT NOT NULL, created_at_ms INTEGER NOT NULL,
  PRIMARY KEY (team_id, key)
) STRICT;
