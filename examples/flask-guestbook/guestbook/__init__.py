"""A guestbook: visitors leave a name and a message."""

from flask import Flask

from guestbook import config, pages, store


def create_app(data_folder=None):
    """Build the app; its entries live in ``data_folder``.

    Without an argument the folder comes from the environment, see
    :func:`guestbook.config.data_folder`.
    """
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = config.MAX_BODY_BYTES
    folder = config.data_folder() if data_folder is None else data_folder
    app.config["DATABASE"] = store.prepare(folder)
    app.teardown_appcontext(store.close)
    app.register_blueprint(pages.blueprint)
    app.register_error_handler(404, pages.not_found)
    app.register_error_handler(413, pages.too_large)
    return app
