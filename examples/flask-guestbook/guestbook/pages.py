"""The pages of the guestbook."""

import sqlite3

from flask import (
    Blueprint, abort, jsonify, redirect, render_template, request, url_for
)

from guestbook import config, entries, store

blueprint = Blueprint("pages", __name__)


@blueprint.app_context_processor
def words():
    """Give every template the headline and the limits."""
    return {
        "headline": config.HEADLINE,
        "max_name": config.MAX_NAME,
        "max_message": config.MAX_MESSAGE,
    }


def page_number(text, pages):
    """Read ``?page=``, held between 1 and the last page."""
    if not text or not text.isascii() or not text.isdigit():
        return 1
    if len(text) > 9:
        return pages
    return min(max(int(text), 1), pages)


def show_index(form=None, problems=None):
    """Render the list of entries and the form."""
    total = store.count()
    pages = max(1, -(-total // config.PAGE_SIZE))
    page = page_number(request.args.get("page"), pages)
    return render_template(
        "index.html",
        entries=store.newest(
            config.PAGE_SIZE, (page - 1) * config.PAGE_SIZE
        ),
        total=total,
        page=page,
        pages=pages,
        form=form or {},
        problems=problems or {},
    )


@blueprint.get("/")
def index():
    """The headline, the form and the entries, newest first."""
    return show_index()


@blueprint.post("/entries")
def create():
    """Take an entry, or show the form again with what is wrong."""
    name = entries.clean(request.form.get("name", ""))
    message = entries.clean(request.form.get("message", ""), keep_lines=True)
    problems = entries.check(name, message)
    if problems:
        form = {"name": name, "message": message}
        return show_index(form, problems), 400
    entry_id = store.add(name, message)
    return redirect(url_for("pages.entry", entry_id=entry_id), 303)


@blueprint.get("/entries/<int(max=9223372036854775807):entry_id>")
def entry(entry_id):
    """One entry on a page of its own."""
    found = store.find(entry_id)
    if found is None:
        abort(404)
    return render_template("entry.html", entry=found)


@blueprint.get("/about")
def about():
    """What this is."""
    return render_template("about.html")


@blueprint.get("/health")
def health():
    """Say whether the database answers."""
    try:
        return jsonify(status="ok", entries=store.count())
    except sqlite3.Error:
        return jsonify(status="unavailable"), 503


def not_found(_error):
    """The page for what is not there."""
    return render_template("404.html"), 404


def too_large(_error):
    """The answer to a form that is far too long."""
    return show_index(
        problems={"message": "That was too much to send."}
    ), 413
