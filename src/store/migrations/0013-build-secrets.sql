-- What the builds of an app's image may read and nothing that runs: by the id of the mount.
CREATE TABLE build_secrets (
  app_id TEXT NOT NULL, team_id TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, actor TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  PRIMARY KEY (app_id, name), FOREIGN KEY (team_id, app_id) REFERENCES apps (team_id, id) ON DELETE CASCADE
) STRICT;
