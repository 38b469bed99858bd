-- A merge request is a change with how 'merge'. `source`: the branch that it is about; `override`: the reason of an admin who let it
-- past the checks; `split`: what a batch that failed left to it; `tries`: how often the machinery failed under it; `withdrawn`: who
-- wants it no more, from then until it ends.
ALTER TABLE changes ADD COLUMN source TEXT;
ALTER TABLE changes ADD COLUMN priority TEXT NOT NULL DEFAULT 'normal';
ALTER TABLE changes ADD COLUMN override TEXT;
ALTER TABLE changes ADD COLUMN withdrawn TEXT;
ALTER TABLE changes ADD COLUMN split TEXT;
ALTER TABLE changes ADD COLUMN tries INTEGER NOT NULL DEFAULT 0;
CREATE INDEX changes_of_candidate ON changes (app_id, candidate);
-- The newest answer about each branch: would it merge into main as it was then, and pass? `said` holds the verdict, as JSON.
CREATE TABLE branch_checks (
  team_id TEXT NOT NULL, app_id TEXT NOT NULL, branch TEXT NOT NULL, head TEXT NOT NULL, base TEXT NOT NULL,
  outcome TEXT NOT NULL, reason TEXT, conflicts TEXT NOT NULL DEFAULT '[]', said TEXT, checked_at_ms INTEGER NOT NULL,
  PRIMARY KEY (app_id, branch), FOREIGN KEY (team_id, app_id) REFERENCES apps (team_id, id) ON DELETE CASCADE
) STRICT;
CREATE INDEX branch_checks_of_head ON branch_checks (app_id, head);
