-- The key of the built tree that an artifact's processes run in; null: they run in the release directory.
ALTER TABLE artifacts ADD COLUMN built_key TEXT;
