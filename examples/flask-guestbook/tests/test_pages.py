"""The pages, as a browser sees them."""

import pytest
from markupsafe import escape

from guestbook import config, store
from guestbook.pages import page_number


def test_index_shows_the_headline(client):
    """The headline is on the page."""
    assert f"<h1>{escape(config.HEADLINE)}</h1>" in client.get("/").text


def test_index_without_entries(client):
    """An empty guestbook says so."""
    page = client.get("/").text
    assert "Nobody has written yet" in page
    assert "0 entries" in page


def test_write_leads_to_the_entry(client, write):
    """A new entry has a page of its own."""
    answer = write("Ada", "Hello there")
    assert answer.status_code == 303
    assert answer.location == "/entries/1"
    page = client.get(answer.location).text
    assert "Ada wrote" in page
    assert "Hello there" in page


def test_index_lists_newest_first(client, write):
    """The last entry comes first."""
    write(message="first words")
    write(message="second words")
    page = client.get("/").text
    assert page.index("second words") < page.index("first words")
    assert "2 entries" in page


def test_index_counts_one(client, write):
    """One entry is not a plural."""
    write()
    assert "1 entry<" in client.get("/").text


@pytest.mark.parametrize("path", ["/", "/entries/1"])
def test_markup_is_escaped(client, write, path):
    """What a visitor writes is text, never markup."""
    write("<b>Eve</b>", "<script>alert(1)</script>")
    page = client.get(path).text
    assert "<script>" not in page
    assert "<b>" not in page
    assert "&lt;script&gt;" in page


def test_quotes_stay_text_in_sql(client, write):
    """A quote does not end the statement."""
    write("Bobby'); DROP TABLE entries;--", "Hi")
    assert client.get("/health").json["entries"] == 1


def test_refused_entry_keeps_the_form(client, write):
    """A refused form comes back as it was, escaped, and stores nothing."""
    answer = write('"><i>', "")
    assert answer.status_code == 400
    assert "Please write a message." in answer.text
    assert 'value="&#34;&gt;&lt;i&gt;"' in answer.text
    assert client.get("/health").json["entries"] == 0


def test_empty_post(client):
    """Both fields are needed."""
    answer = client.post("/entries")
    assert answer.status_code == 400
    assert "Please tell us your name." in answer.text
    assert "Please write a message." in answer.text


def test_too_long_name(write):
    """The browser's limit holds on the server too."""
    assert write(name="n" * (config.MAX_NAME + 1)).status_code == 400


def test_too_large_body(client, write):
    """A huge body is refused before it is read."""
    answer = write(message="m" * config.MAX_BODY_BYTES)
    assert answer.status_code == 413
    assert "too much to send" in answer.text


@pytest.mark.parametrize("path", [
    "/entries/1", "/entries/0", "/entries/-1", "/entries/x",
    "/entries/99999999999999999999", "/nowhere",
])
def test_not_found(client, path):
    """What is not there has a page that says so."""
    answer = client.get(path)
    assert answer.status_code == 404
    assert "<h1>Not found</h1>" in answer.text


def test_entries_takes_posts_only(client):
    """There is no list at /entries."""
    assert client.get("/entries").status_code == 405


def test_about(client):
    """The about page is there."""
    assert "<h1>About</h1>" in client.get("/about").text


def test_style(client):
    """The stylesheet is served."""
    assert client.get("/static/style.css").mimetype == "text/css"


def test_health(client, write):
    """Health counts the entries."""
    write()
    assert client.get("/health").json == {"status": "ok", "entries": 1}


def test_health_without_the_table(app, client, tmp_path):
    """A broken database is not healthy."""
    app.config["DATABASE"] = tmp_path / "other.sqlite3"
    answer = client.get("/health")
    assert answer.status_code == 503
    assert answer.json == {"status": "unavailable"}


def test_paging(app, client, monkeypatch):
    """Older entries are a page away."""
    monkeypatch.setattr(config, "PAGE_SIZE", 2)
    with app.app_context():
        for number in range(5):
            store.add("Ada", f"words {number}")
    first = client.get("/").text
    assert "words 4" in first and "words 2" not in first
    assert "Page 1 of 3" in first and "Newer" not in first
    last = client.get("/?page=3").text
    assert "words 0" in last and "words 1" not in last
    assert "Newer" in last and "Older" not in last


@pytest.mark.parametrize("text, expected", [
    (None, 1), ("", 1), ("x", 1), ("-1", 1), ("0", 1), ("²", 1),
    ("2", 2), ("4", 3), ("9" * 5000, 3),
])
def test_page_number(text, expected):
    """Any text leads to a page that exists."""
    assert page_number(text, 3) == expected
