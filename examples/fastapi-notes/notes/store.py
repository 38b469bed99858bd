"""The notes, kept in memory: a restart begins with an empty notebook."""

from dataclasses import dataclass, field
from itertools import count


@dataclass
class Note:
    """One note, as it is kept."""

    number: int
    title: str
    text: str = ""
    tags: list[str] = field(default_factory=list)


class Notebook:
    """All notes, the newest first."""

    def __init__(self) -> None:
        self._notes: dict[int, Note] = {}
        self._numbers = count(1)

    def add(
        self, title: str, text: str = "", tags: list[str] | None = None
    ) -> Note:
        """Keep a note, and say which number it has."""
        note = Note(next(self._numbers), title, text, list(tags or []))
        self._notes[note.number] = note
        return note

    def find(self, number: int) -> Note | None:
        """The note of that number, or nothing."""
        return self._notes.get(number)

    def remove(self, number: int) -> bool:
        """Forget a note; whether there was one."""
        return self._notes.pop(number, None) is not None

    def all(self, tag: str | None = None) -> list[Note]:
        """Every note, or those that bear the tag."""
        notes = sorted(self._notes.values(), key=lambda one: -one.number)
        return [one for one in notes if tag is None or tag in one.tags]
