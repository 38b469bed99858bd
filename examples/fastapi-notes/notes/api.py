"""The HTTP API: what a client may ask of the notebook."""

from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, Field

from notes.store import Note, Notebook

TITLE = "Notes"

app = FastAPI(title=TITLE)
notebook = Notebook()


class NewNote(BaseModel):
    """What a client sends to keep a note."""

    title: str = Field(min_length=1, max_length=100)
    text: str = Field(default="", max_length=10_000)
    tags: list[str] = Field(default_factory=list, max_length=20)


@app.get("/")
def home() -> dict[str, str | int]:
    """Say what this is, and how many notes there are."""
    return {"title": TITLE, "notes": len(notebook.all())}


@app.get("/notes")
def list_notes(tag: str | None = None) -> list[Note]:
    """List the notes, the newest first."""
    return notebook.all(tag)


@app.post("/notes", status_code=201)
def add_note(new: NewNote) -> Note:
    """Keep a note."""
    return notebook.add(new.title, new.text, new.tags)


@app.get("/notes/{number}")
def get_note(number: int) -> Note:
    """Give one note."""
    note = notebook.find(number)
    if note is None:
        raise HTTPException(404, "There is no such note.")
    return note


@app.delete("/notes/{number}", status_code=204)
def remove_note(number: int) -> None:
    """Forget a note."""
    if not notebook.remove(number):
        raise HTTPException(404, "There is no such note.")
