-- Apps whose code is an image of a registry, the hooks by which registries say that it is time to look, and who we are to registries.
-- `due`: a look that was asked for and has not ended, as JSON; a restart takes it up.
CREATE TABLE app_images (
  app_id TEXT PRIMARY KEY, team_id TEXT NOT NULL, reference TEXT NOT NULL, after_command TEXT, due TEXT,
  FOREIGN KEY (team_id, app_id) REFERENCES apps (team_id, id) ON DELETE CASCADE
) STRICT;
CREATE TABLE hooks (
  id TEXT PRIMARY KEY, team_id TEXT NOT NULL, app_id TEXT NOT NULL, name TEXT NOT NULL, hash TEXT NOT NULL UNIQUE,
  created_at_ms INTEGER NOT NULL, rotated_at_ms INTEGER, heard_at_ms INTEGER, heard TEXT,
  UNIQUE (app_id, name), FOREIGN KEY (team_id, app_id) REFERENCES apps (team_id, id) ON DELETE CASCADE
) STRICT;
CREATE TABLE deliveries (
  app_id TEXT NOT NULL, team_id TEXT NOT NULL, delivery TEXT NOT NULL, heard_at_ms INTEGER NOT NULL,
  PRIMARY KEY (app_id, delivery), FOREIGN KEY (team_id, app_id) REFERENCES apps (team_id, id) ON DELETE CASCADE
) STRICT;
CREATE INDEX deliveries_by_age ON deliveries (app_id, heard_at_ms);
CREATE TABLE registries (
  team_id TEXT NOT NULL REFERENCES teams (id), host TEXT NOT NULL, username TEXT NOT NULL, password TEXT NOT NULL,
  actor TEXT NOT NULL, created_at_ms INTEGER NOT NULL,
  PRIMARY KEY (team_id, host)
) STRICT;
