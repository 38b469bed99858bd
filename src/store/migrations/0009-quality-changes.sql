-- Of a release's figures, the numbers of the changes that it became of (a JSON list, ascending): several landed together as one commit.
ALTER TABLE quality ADD COLUMN changes TEXT NOT NULL DEFAULT '[]';
UPDATE quality SET changes = coalesce((SELECT json_group_array(number) FROM (SELECT c.number FROM changes c
  JOIN releases r ON r.id = c.release_id WHERE r.app_id = quality.app_id AND r.version = quality.version AND c.state = 'landed' ORDER BY c.number)), '[]');
