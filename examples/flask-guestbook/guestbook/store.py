"""The entries, kept in one SQLite file."""

import sqlite3
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path

from flask import current_app, g

FILE_NAME = "guestbook.sqlite3"
SCHEMA = """
CREATE TABLE IF NOT EXISTS entries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    message TEXT NOT NULL,
    written TEXT NOT NULL
)
"""


def prepare(folder):
    """Make the folder and the table when missing; return the file."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FILE_NAME
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(SCHEMA)
    return path


def connect():
    """Return the connection of this request, opened on first use."""
    if "connection" not in g:
        g.connection = sqlite3.connect(current_app.config["DATABASE"])
        g.connection.row_factory = sqlite3.Row
    return g.connection


def close(_error=None):
    """Close the connection of this request, if it has one."""
    connection = g.pop("connection", None)
    if connection is not None:
        connection.close()


def add(name, message):
    """Write an entry and return its id."""
    written = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    with connect() as connection:
        return connection.execute(
            "INSERT INTO entries (name, message, written) VALUES (?, ?, ?)",
            (name, message, written),
        ).lastrowid


def find(entry_id):
    """Return one entry, or None."""
    return connect().execute(
        "SELECT * FROM entries WHERE id = ?", (entry_id,)
    ).fetchone()


def newest(limit, offset=0):
    """Return up to ``limit`` entries, newest first."""
    return connect().execute(
        "SELECT * FROM entries ORDER BY id DESC LIMIT ? OFFSET ?",
        (limit, offset),
    ).fetchall()


def count():
    """Return the number of entries."""
    return connect().execute("SELECT count(*) FROM entries").fetchone()[0]
