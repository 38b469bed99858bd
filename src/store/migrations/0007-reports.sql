-- `folders`: the collected folders of a change's checks (JSON: check, name, digest), which its reports show beside their own
-- pack. `style`: how many style findings each file had when it was last looked at, for the next change to go on from.
ALTER TABLE reports ADD COLUMN folders TEXT NOT NULL DEFAULT '[]';
ALTER TABLE quality ADD COLUMN style TEXT NOT NULL DEFAULT '{}';
