"""Where the data lives."""

import importlib
import sys
from pathlib import Path

from guestbook import config, create_app, store


def test_folder_of_the_volume(monkeypatch, tmp_path):
    """The platform names the folder."""
    monkeypatch.setenv("LOCKSTEP_VOLUME_DATA", str(tmp_path))
    assert config.data_folder() == tmp_path


def test_folder_without_the_platform(monkeypatch):
    """Elsewhere it is next to the code."""
    monkeypatch.delenv("LOCKSTEP_VOLUME_DATA", raising=False)
    assert config.data_folder() == Path(__file__).parents[1] / "data"


def test_wsgi_uses_the_volume(monkeypatch, tmp_path):
    """The entry point makes its database on the volume."""
    folder = tmp_path / "deep" / "volume"
    monkeypatch.setenv("LOCKSTEP_VOLUME_DATA", str(folder))
    monkeypatch.delitem(sys.modules, "wsgi", raising=False)
    wsgi = importlib.import_module("wsgi")
    assert wsgi.app.test_client().get("/health").status_code == 200
    assert (folder / store.FILE_NAME).is_file()


def test_entries_outlive_the_app(tmp_path):
    """A new release sees what the last one wrote."""
    data = {"name": "Ada", "message": "Still here"}
    create_app(tmp_path).test_client().post("/entries", data=data)
    page = create_app(tmp_path).test_client().get("/").text
    assert "Still here" in page
