-- What each gate measured, kept for the newest of each app: how long its checks took (`checks`, as JSON), and which tests were flaky.
CREATE TABLE gate_runs (
  seq INTEGER PRIMARY KEY, team_id TEXT NOT NULL, app_id TEXT NOT NULL, change_id TEXT, checks TEXT NOT NULL, at_ms INTEGER NOT NULL,
  FOREIGN KEY (team_id, app_id) REFERENCES apps (team_id, id) ON DELETE CASCADE
) STRICT;
CREATE INDEX gate_runs_of_app ON gate_runs (app_id, seq);
