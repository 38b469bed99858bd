"""Cleaning and checking of the fields."""

import pytest

from guestbook import entries
from guestbook.config import MAX_MESSAGE, MAX_NAME


@pytest.mark.parametrize("text, expected", [
    ("  Ada  ", "Ada"),
    ("Ada\nLovelace", "Ada Lovelace"),
    ("A\x00d\x1ba", "Ada"),
    ("Zoë 🌊", "Zoë 🌊"),
    ("\ud800", ""),
])
def test_clean_one_line(text, expected):
    """A name is one line of printable text."""
    assert entries.clean(text) == expected


@pytest.mark.parametrize("text, expected", [
    ("a\r\nb\rc", "a\nb\nc"),
    ("\n\n a\tb \n", "a b"),
    ("\x00", ""),
])
def test_clean_lines(text, expected):
    """A message keeps its lines."""
    assert entries.clean(text, keep_lines=True) == expected


def test_check_accepts_the_limits():
    """The longest name and message are fine."""
    assert entries.check("n" * MAX_NAME, "m" * MAX_MESSAGE) == {}


@pytest.mark.parametrize("name, message, fields", [
    ("", "m", {"name"}),
    ("n" * (MAX_NAME + 1), "m", {"name"}),
    ("n", "", {"message"}),
    ("n", "m" * (MAX_MESSAGE + 1), {"message"}),
    ("", "", {"name", "message"}),
])
def test_check_names_the_fields(name, message, fields):
    """Every wrong field is named."""
    assert set(entries.check(name, message)) == fields
