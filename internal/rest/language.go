package rest

import (
	"net/http"

	"golang.org/x/text/language"
)

// Language is the language of an answer, "zh" or "en", bound from Accept-Language.
type Language string

// UnmarshalText sets the language that Accept-Language prefers.
func (l *Language) UnmarshalText(b []byte) error {
	*l = Language(languageFor(string(b)))
	return nil
}

// Localized is embedded in requests whose answer names things in one language.
type Localized struct {
	Language Language `header:"Accept-Language" swaggerignore:"true"`
}

// English comes first: it is what a caller without Accept-Language gets, mostly
// a program; browsers always say what they want.
var languages = language.NewMatcher([]language.Tag{language.English, language.Chinese})

// languageOf returns "en" or "zh", by Accept-Language.
func languageOf(r *http.Request) string { return languageFor(r.Header.Get("Accept-Language")) }

func languageFor(accept string) string {
	tags, _, err := language.ParseAcceptLanguage(accept)
	if err != nil {
		return "en"
	}
	_, i, _ := languages.Match(tags...)
	return []string{"en", "zh"}[i]
}
