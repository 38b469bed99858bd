package main

import (
	"html/template"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func ask(t *testing.T, path string) *httptest.ResponseRecorder {
	t.Helper()
	pages := template.Must(template.ParseGlob("templates/*.html"))
	answer := httptest.NewRecorder()
	handler(pages).ServeHTTP(answer, httptest.NewRequest(http.MethodGet, path, nil))
	return answer
}

func TestPageGreets(t *testing.T) {
	answer := ask(t, "/?name=Ada")
	if answer.Code != http.StatusOK || !strings.Contains(answer.Body.String(), "Hello, Ada!") {
		t.Errorf("got %d: %s", answer.Code, answer.Body)
	}
}

func TestNamesAreText(t *testing.T) {
	if body := ask(t, "/?name=%3Cb%3E").Body.String(); strings.Contains(body, "<b>") {
		t.Errorf("a name became markup: %s", body)
	}
}

func TestUnknownAddress(t *testing.T) {
	if code := ask(t, "/nowhere").Code; code != http.StatusNotFound {
		t.Errorf("got %d", code)
	}
}

func TestStaticFiles(t *testing.T) {
	if code := ask(t, "/static/style.css").Code; code != http.StatusOK {
		t.Errorf("got %d", code)
	}
}
