// Command hello serves a page that greets whoever asks for it, in their language.
package main

import (
	"cmp"
	"html/template"
	"log"
	"net/http"
	"os"

	"example.org/hello/greeting"
)

const headline = "Hello"

func main() {
	port := os.Getenv("PORT")
	if port == "" {
		port = "8000"
	}
	pages := template.Must(template.ParseGlob("templates/*.html"))
	log.Printf("listening on %s", port)
	host := cmp.Or(os.Getenv("HOST"), "127.0.0.1")
	log.Fatal(http.ListenAndServe(host+":"+port, handler(pages)))
}

// handler answers for every address of the site.
func handler(pages *template.Template) http.Handler {
	site := http.NewServeMux()
	site.Handle("/static/", http.StripPrefix("/static/", http.FileServer(http.Dir("static"))))
	site.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			http.NotFound(w, r)
			return
		}
		page := struct{ Headline, Greeting string }{
			headline,
			greeting.For(r.URL.Query().Get("name"), r.Header.Get("Accept-Language")),
		}
		if err := pages.ExecuteTemplate(w, "index.html", page); err != nil {
			log.Print(err)
		}
	})
	return site
}
