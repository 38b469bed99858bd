"""The addresses of the site: everything is the polls'."""

from django.urls import include, path

urlpatterns = [path("", include("polls.urls"))]
