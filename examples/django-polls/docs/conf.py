"""How Sphinx builds this documentation."""

import os
import sys

import django

sys.path.insert(0, os.path.abspath(".."))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mysite.settings")
django.setup()

project = "Polls"
extensions = ["sphinx.ext.autodoc"]
html_theme = "alabaster"
