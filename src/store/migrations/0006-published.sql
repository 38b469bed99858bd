-- What the gate left besides its verdict. `docs`: the sites of documentation that a release serves (a JSON list of place and
-- digest); null: none. `quality`: the figures of a change that landed, which outlive its verdict. `reports`: where a change's
-- reports lie; a row goes with its pack.
ALTER TABLE releases ADD COLUMN docs TEXT;
ALTER TABLE apps ADD COLUMN is_badge_public INTEGER NOT NULL DEFAULT 0;
CREATE TABLE quality (
  team_id TEXT NOT NULL, app_id TEXT NOT NULL, change_id TEXT NOT NULL, version INTEGER NOT NULL, commit_id TEXT NOT NULL,
  figures TEXT NOT NULL, landed_at_ms INTEGER NOT NULL,
  PRIMARY KEY (app_id, version), FOREIGN KEY (team_id, app_id) REFERENCES apps (team_id, id) ON DELETE CASCADE
) STRICT;
CREATE TABLE reports (
  team_id TEXT NOT NULL, app_id TEXT NOT NULL, change_id TEXT NOT NULL, digest TEXT NOT NULL, bytes INTEGER NOT NULL, kept_at_ms INTEGER NOT NULL,
  PRIMARY KEY (app_id, change_id), FOREIGN KEY (team_id, app_id) REFERENCES apps (team_id, id) ON DELETE CASCADE
) STRICT;
