-- One signed receipt a release. `body` null: dropped for its age; the note in the repository stays. `is_noted`: it is in the
-- repository's notes, or needs none (no commit moved).
CREATE TABLE receipts (
  team_id TEXT NOT NULL, app_id TEXT NOT NULL, release_id TEXT NOT NULL, version INTEGER, commit_id TEXT NOT NULL,
  body TEXT, is_noted INTEGER NOT NULL, made_at_ms INTEGER NOT NULL,
  PRIMARY KEY (app_id, release_id), FOREIGN KEY (team_id, app_id) REFERENCES apps (team_id, id) ON DELETE CASCADE
) STRICT;
CREATE INDEX receipts_to_note ON receipts (app_id) WHERE is_noted = 0;
