"""What the tests share."""

import pytest

from guestbook import create_app, store


@pytest.fixture(name="shared_app", scope="session")
def make_shared_app(tmp_path_factory):
    """One app for all tests, as templates are compiled once per app."""
    app = create_app(tmp_path_factory.mktemp("shared"))
    app.testing = True
    return app


@pytest.fixture(name="app")
def make_app(shared_app, tmp_path):
    """The app with an empty guestbook."""
    shared_app.config["DATABASE"] = store.prepare(tmp_path)
    return shared_app


@pytest.fixture(name="client")
def make_client(app):
    """A browser for the app."""
    return app.test_client()


@pytest.fixture(name="write")
def make_write(client):
    """A function that posts an entry."""
    def write(name="Ada", message="Hello"):
        return client.post(
            "/entries", data={"name": name, "message": message}
        )
    return write
