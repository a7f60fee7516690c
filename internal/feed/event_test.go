package feed_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/database"
	"bulwark/internal/demo"
	"bulwark/internal/demo/demotest"
	"bulwark/internal/feed"
	"bulwark/internal/policy"
)

// anything is a source whose reader may read every address.
var anything = feed.Source{
	Link:     func(path string) string { return "https://bulwark.example.org" + path },
	Readable: func(context.Context, string, string) (bool, error) { return true, nil },
}

// as is a caller with a role in the town of the demo.
func as(t *testing.T, role policy.Role) context.Context {
	return access.WithPrincipal(t.Context(), access.Principal{Towns: []string{demo.Town}}.Holding(role))
}

// Every event of the demo says what it is about: its branch, its period, its publication.
func TestEventsSayWhatTheyAreAbout(t *testing.T) {
	demotest.Towns.Each(t, func(t *testing.T, db *gorm.DB) {
		seen := map[string]int{}
		for after, more := int64(0), true; more; {
			page, err := anything.Read(as(t, policy.LeadingGroup), db, demo.Town, feed.Query{After: after, Limit: 100})
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range page.Items {
				noun, _, _ := strings.Cut(e.Type, ".")
				seen[noun]++
				branch := slices.Contains([]string{"branch", "evaluation", "plan", "problem", "appeal"}, noun) ||
					strings.HasPrefix(e.Subject, "targets/")
				number := noun == "publication"
				if (e.Data.Branch != "") != branch || (e.Data.Number > 0) != number || (e.Data.Period != "") != strings.HasPrefix(e.Subject, "periods/") {
					t.Errorf("%+v", e)
				}
				if number && e.Subject != fmt.Sprintf("periods/%s/publications/%d", e.Data.Period, e.Data.Number) {
					t.Errorf("%+v", e)
				}
				if e.Data.URL != e.Source+"/"+e.Subject {
					t.Errorf("%s is not below %s", e.Data.URL, e.Source)
				}
			}
			after, more = page.Next, page.More
		}
		for _, noun := range []string{"branch", "evaluation", "plan", "problem", "period", "publication", "scheme", "target"} {
			if seen[noun] == 0 {
				t.Errorf("the demo has no event about a %s: %v", noun, seen)
			}
		}
	})
}

// Whoever may read no sheet is told of none, wherever it could be read.
func TestThePolicyIsAskedFirst(t *testing.T) {
	db := demotest.Towns.Open(t, database.SQLite)
	page, err := anything.Read(as(t, policy.Reader), db, demo.Town, feed.Query{Types: []string{"evaluation.*", "plan.*", "appeal.*"}, Limit: 100})
	if err != nil || len(page.Items) > 0 || page.Next == 0 {
		t.Errorf("a reader is told %v, %v", page, err)
	}
}
