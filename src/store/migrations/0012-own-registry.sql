-- Of this Lockstep's own registry: what anybody may pull, how much an app's repositories may hold when that is not the usual, and the digest at
-- which the last look at an app's image ended (a tag that names another was pushed, and its notice was lost).
CREATE TABLE public_repositories (
  name TEXT PRIMARY KEY, team_id TEXT NOT NULL, app_id TEXT NOT NULL,
  FOREIGN KEY (team_id, app_id) REFERENCES apps (team_id, id) ON DELETE CASCADE
) STRICT;
CREATE INDEX public_repositories_by_app ON public_repositories (app_id);
CREATE TABLE repository_quotas (
  app_id TEXT PRIMARY KEY, team_id TEXT NOT NULL, most_bytes INTEGER NOT NULL,
  FOREIGN KEY (team_id, app_id) REFERENCES apps (team_id, id) ON DELETE CASCADE
) STRICT;
ALTER TABLE app_images ADD COLUMN seen TEXT;
