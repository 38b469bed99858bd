package greeting

import "testing"

func TestFor(t *testing.T) {
	for _, one := range []struct{ name, languages, want string }{
		{"Ada", "", "Hello, Ada!"},
		{"Ada", "de-CH,fr;q=0.8", "Hallo, Ada!"},
		{" ", "fr", "Bonjour, world!"},
		{"Ada", "xx, fr;q=0.5", "Bonjour, Ada!"},
	} {
		if got := For(one.name, one.languages); got != one.want {
			t.Errorf("For(%q, %q) = %q, want %q", one.name, one.languages, got, one.want)
		}
	}
}
