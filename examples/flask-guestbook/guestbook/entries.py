"""What a visitor may write: cleaning and checking of the form fields."""

import unicodedata

from guestbook.config import MAX_MESSAGE, MAX_NAME


def clean(text, keep_lines=False):
    """Drop control characters and the space around ``text``.

    Line breaks become ``\\n`` when ``keep_lines`` is set, and other white
    space becomes a space.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not keep_lines:
        text = " ".join(text.split())
    text = text.replace("\t", " ")
    return "".join(
        char for char in text
        if char == "\n" or unicodedata.category(char) not in ("Cc", "Cs")
    ).strip()


def check(name, message):
    """Return the problems of an entry, by field; empty when it is fine."""
    problems = {}
    if not name:
        problems["name"] = "Please tell us your name."
    elif len(name) > MAX_NAME:
        problems["name"] = f"At most {MAX_NAME} characters, please."
    if not message:
        problems["message"] = "Please write a message."
    elif len(message) > MAX_MESSAGE:
        problems["message"] = f"At most {MAX_MESSAGE} characters, please."
    return problems
