from fastapi.testclient import TestClient

from notes.api import TITLE, app, notebook

client = TestClient(app)


def setup_function():
    for note in notebook.all():
        notebook.remove(note.number)


def test_home_counts_the_notes():
    assert client.get("/").json() == {"title": TITLE, "notes": 0}
    client.post("/notes", json={"title": "Milk"})
    assert client.get("/").json()["notes"] == 1


def test_a_note_is_kept_and_found():
    made = client.post("/notes", json={"title": "Milk", "tags": ["shop"]})
    assert made.status_code == 201
    number = made.json()["number"]
    assert client.get(f"/notes/{number}").json()["title"] == "Milk"


def test_a_note_needs_a_title():
    assert client.post("/notes", json={"title": ""}).status_code == 422


def test_notes_are_listed_newest_first_and_by_tag():
    client.post("/notes", json={"title": "One", "tags": ["a"]})
    client.post("/notes", json={"title": "Two"})
    titles = [note["title"] for note in client.get("/notes").json()]
    assert titles == ["Two", "One"]
    tagged = client.get("/notes", params={"tag": "a"}).json()
    assert [note["title"] for note in tagged] == ["One"]


def test_a_note_is_forgotten_once():
    number = client.post("/notes", json={"title": "Milk"}).json()["number"]
    assert client.delete(f"/notes/{number}").status_code == 204
    assert client.delete(f"/notes/{number}").status_code == 404
    assert client.get(f"/notes/{number}").status_code == 404
