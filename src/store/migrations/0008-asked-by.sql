-- `asked_by`: the tokens of those who asked for a merge request (a JSON list of ids, the first first; null: not known): it is wanted while
-- one of them is good. `allows_weaker`: an admin asked that it may make main's gate weaker.
ALTER TABLE changes ADD COLUMN asked_by TEXT;
ALTER TABLE changes ADD COLUMN allows_weaker INTEGER NOT NULL DEFAULT 0;
