-- What the processes of an artifact run in, on the container engine: JSON, null for processes of the machine.
ALTER TABLE artifacts ADD COLUMN image TEXT;
