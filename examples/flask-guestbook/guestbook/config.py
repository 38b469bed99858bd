"""The words and the limits of the guestbook, and where its data lives."""

import os
from pathlib import Path

HEADLINE = "Guestbook"
MAX_NAME = 60
MAX_MESSAGE = 1000
MAX_BODY_BYTES = 16 * 1024
PAGE_SIZE = 20


def data_folder():
    """Return the folder for the database.

    Lockstep mounts the volume ``data`` and names it in
    ``LOCKSTEP_VOLUME_DATA``; elsewhere it is ``data/`` next to the code.
    """
    named = os.environ.get("LOCKSTEP_VOLUME_DATA")
    if named:
        return Path(named)
    return Path(__file__).resolve().parent.parent / "data"
