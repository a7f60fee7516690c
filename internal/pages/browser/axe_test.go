//go:build browser

package browser

import (
	"encoding/json"
	"os"
	"testing"

	"bulwark/internal/policy"
)

// axe is axe-core, from npm, for tests alone.
func axe(t testing.TB) string {
	t.Helper()
	source, err := os.ReadFile("node_modules/axe-core/axe.min.js")
	if err != nil {
		t.Fatal("axe-core is missing: run make test-pages, which fetches it: ", err)
	}
	return string(source)
}

// violations are what axe finds on the page by WCAG 2.2 A and AA.
func (v *visitor) violations(axe string) (list []string) {
	v.t.Helper()
	eval[bool](v, axe+";true")
	found := eval[string](v, `axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']}).then((r) =>
		JSON.stringify(r.violations.map((x) => x.id + ': ' + x.nodes.slice(0, 3).map((n) => n.target + ' ' + n.failureSummary).join(' | '))))`)
	if err := json.Unmarshal([]byte(found), &list); err != nil {
		v.t.Fatal(err)
	}
	return list
}

// Nothing on any screen breaks a rule of WCAG 2.2 A or AA, and none scrolls sideways on a
// small phone.
func TestEveryScreenCanBeReadByEverybody(t *testing.T) {
	s, source := serve(t), axe(t)
	languages, sizes := []string{"zh"}, []int64{390}
	if os.Getenv("FULL") != "" {
		languages, sizes = []string{"zh", "en"}, []int64{390, 1280}
	}
	for _, language := range languages {
		for _, width := range sizes {
			visitors := s.visitors(t, width, language)
			for _, x := range s.screens() {
				v := visitors(x.role)
				v.open(x.path)
				for _, found := range v.violations(source) {
					t.Errorf("%s in %s at %d px: %s", x.name, language, width, found)
				}
			}
		}
	}
}

// The control: axe finds what is wrong on purpose.
func TestAxeFindsFaults(t *testing.T) {
	s := serve(t)
	v := s.visit(t, 390, 844, "zh")
	v.open("/sign-in")
	eval[bool](v, `document.querySelector('label').remove(); document.querySelector('h1').setAttribute('role', 'nonsense'); true`)
	if found := v.violations(axe(t)); len(found) < 2 {
		t.Errorf("found %q", found)
	}
}

func TestNoScreenScrollsSidewaysOnASmallPhone(t *testing.T) {
	s := serve(t)
	for _, language := range []string{"zh", "en"} {
		visitors := s.visitors(t, 360, language)
		for _, x := range s.screens() {
			v := visitors(x.role)
			v.open(x.path)
			wide := eval[string](v, `(() => {
				const out = [...document.querySelectorAll('body *')].filter((e) => !e.closest('[tabindex="0"],.hidden,caption,.skip,svg') &&
					e.getBoundingClientRect().right > 361 && e.getBoundingClientRect().width > 1).map((e) => e.tagName + '.' + e.className);
				return document.documentElement.scrollWidth > 360 || out.length ? document.documentElement.scrollWidth + ' ' + out.slice(0, 5) : '';
			})()`)
			if wide != "" {
				t.Errorf("%s in %s: %s", x.name, language, wide)
			}
		}
	}
}

// visitors returns a function that returns a browser in which somebody with the role is
// signed in, one for each role.
func (s *site) visitors(t testing.TB, width int64, language string) func(policy.Role) *visitor {
	all := map[policy.Role]*visitor{}
	return func(role policy.Role) *visitor {
		if all[role] == nil {
			all[role] = s.visit(t, width, 844, language)
			if role != "" {
				all[role].signIn(role)
			}
		}
		return all[role]
	}
}
