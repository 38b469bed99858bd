// Package greeting knows how to greet in a few languages.
package greeting

import "strings"

var words = map[string]string{"de": "Hallo", "en": "Hello", "fr": "Bonjour"}

// For greets a name in the first language of an Accept-Language header that has a word for it.
func For(name, languages string) string {
	if name = strings.TrimSpace(name); name == "" {
		name = "world"
	}
	return wordIn(languages) + ", " + name + "!"
}

func wordIn(languages string) string {
	for _, each := range strings.Split(languages, ",") {
		tag, _, _ := strings.Cut(strings.TrimSpace(each), ";")
		language, _, _ := strings.Cut(tag, "-")
		if word, isKnown := words[strings.ToLower(language)]; isKnown {
			return word
		}
	}
	return words["en"]
}
