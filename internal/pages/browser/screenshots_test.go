//go:build browser

package browser

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/cdproto/page"

	"bulwark/internal/policy"
)

var (
	shots = flag.String("shots", "", "folder into which TestScreenshots writes pictures of every screen")
	only  = flag.String("only", "", "the only screen of which TestScreenshots takes pictures")
)

// TestScreenshots writes a picture of every screen in both languages and two widths, for
// people to look at.
func TestScreenshots(t *testing.T) {
	if *shots == "" {
		t.Skip("pictures are taken with -shots FOLDER")
	}
	s := serve(t)
	for _, size := range []struct {
		name          string
		width, height int64
	}{{"1280", 1280, 900}, {"390", 390, 844}} {
		for _, language := range []string{"zh", "en"} {
			visitors := map[policy.Role]*visitor{}
			for _, x := range s.screens() {
				if *only != "" && x.name != *only {
					continue
				}
				v := visitors[x.role]
				if v == nil {
					v = s.visit(t, size.width, size.height, language)
					if visitors[x.role] = v; x.role != "" {
						v.signIn(x.role)
					}
				}
				v.open(x.path)
				name := filepath.Join(*shots, x.name+"."+language+"."+size.name+".png")
				if err := os.WriteFile(name, v.whole(), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// TestPicture writes the picture of docs/: the ranking of the demo.
func TestPicture(t *testing.T) {
	if *shots == "" {
		t.Skip("pictures are taken with -shots FOLDER")
	}
	v := serve(t).visit(t, 1260, 700, "en")
	v.open("/t/demo/ranking")
	png := send(v, page.CaptureScreenshot, page.CaptureScreenshotParams{})
	if err := os.WriteFile(filepath.Join(*shots, "ranking.png"), png.Data, 0o600); err != nil {
		t.Fatal(err)
	}
}
