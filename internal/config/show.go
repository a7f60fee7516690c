package config

import (
	"fmt"
	"net/url"
	"reflect"
	"strings"
)

// String lists the settings as NAME=value lines. What a tag calls secret is
// never shown: of a URL the password and the query, which may hold one too.
func (c Config) String() string {
	var b strings.Builder
	v := reflect.ValueOf(c)
	for i := range v.NumField() {
		f := v.Type().Field(i)
		shown := fmt.Sprint(v.Field(i).Interface())
		if list, ok := v.Field(i).Interface().([]string); ok {
			shown = strings.Join(list, ",")
		}
		switch f.Tag.Get("secret") {
		case "url":
			shown = withoutPassword(shown)
		case "all":
			shown = hidden(shown)
		}
		fmt.Fprintf(&b, "%s%s=%s\n", prefix, f.Tag.Get("env"), shown)
	}
	return b.String()
}

// GoString keeps %#v from printing what String hides.
func (c Config) GoString() string { return c.String() }

func hidden(s string) string {
	if s == "" {
		return ""
	}
	return "(hidden)"
}

func withoutPassword(s string) string {
	if strings.HasPrefix(s, "sqlite:") {
		return s
	}
	u, err := url.Parse(s)
	if err != nil || u.Host == "" {
		return "(hidden)"
	}
	if u.User != nil {
		u.User = url.User(u.User.Username())
	}
	u.RawQuery = ""
	return u.String()
}
