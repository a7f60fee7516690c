//go:build browser

package browser

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"

	"bulwark/internal/policy"
)

// printed prints the page to a file and returns the number of its pages and its text.
func (v *visitor) printed(name string) (pages int, words string) {
	v.t.Helper()
	yes := true
	pdf := send(v, page.PrintToPDF, page.PrintToPDFParams{PreferCSSPageSize: &yes, PrintBackground: &yes})
	folder := v.t.TempDir()
	if *shots != "" {
		folder = *shots
	}
	file := filepath.Join(folder, name+".pdf")
	if err := os.WriteFile(file, pdf.Data, 0o600); err != nil {
		v.t.Fatal(err)
	}
	if m := regexp.MustCompile(`(?m)^Pages:\s+(\d+)$`).FindStringSubmatch(v.tool("pdfinfo", file)); m != nil {
		pages, _ = strconv.Atoi(m[1])
	}
	return pages, v.tool("pdftotext", "-layout", file, "-")
}

func (v *visitor) tool(name string, args ...string) string {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(v.ctx, time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, name, args...).Output()
	if err != nil {
		v.t.Fatalf("%s, of poppler-utils: %v", name, err)
	}
	return string(out)
}

// On paper a scorecard has one page, a ranking of forty two at most, and so has a notice.
func TestPaper(t *testing.T) {
	s := serve(t)
	for _, language := range []string{"zh", "en"} {
		visitors := s.visitors(t, 1280, language)
		for _, p := range []struct {
			name, path string
			role       policy.Role
			most       int
			zh, en     []string
		}{
			{
				"scorecard", "/t/demo/branches/b39", policy.LeadingGroup, 1,
				[]string{"演示三十九村", "70.65", "自身数据变化"},
				[]string{"Demo Village 39", "70.65", "its own values"},
			},
			{"scorecard-public", "/t/demo/branches/b15", "", 1, []string{"演示十五村", "97.42"}, []string{"Demo Village 15", "97.42"}},
			{
				"ranking", "/t/demo/ranking", "", 2,
				[]string{"演示十五村", "演示十八村", "60.06"},
				[]string{"Demo Village 15", "Demo Village 18", "60.06"},
			},
			{
				"notice", "/t/demo/notice", "", 2,
				[]string{"怎样申诉", "第2版", "演示十八村", "网上核验", "摘要值"},
				[]string{"How to appeal", "number 2", "Demo Village 18", "Check it at"},
			},
		} {
			v := visitors(p.role)
			v.open(p.path)
			pages, words := v.printed("print-" + p.name + "." + language)
			if pages == 0 || pages > p.most {
				t.Errorf("%s in %s takes %d pages", p.name, language, pages)
			}
			wanted := map[string][]string{"zh": p.zh, "en": p.en}[language]
			plain := strings.Join(strings.Fields(words), "")
			for _, w := range wanted {
				if !strings.Contains(plain, strings.Join(strings.Fields(w), "")) {
					t.Errorf("%s in %s does not have %q", p.name, language, w)
				}
			}
		}
	}
}
