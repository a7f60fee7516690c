package pages

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"path"
	"strings"
	"sync"
)

//go:embed static
var staticFiles embed.FS

// Asset is a static file.
type Asset struct {
	ContentType string
	Body        []byte
}

// assets are the static files by the name under which they are served, and those names by
// the plain ones.
type assets struct {
	files  map[string]Asset
	hashed map[string]string
}

var contentTypes = map[string]string{
	".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
}

// inOrder are the files, each after those that it names: a name in a file becomes the hashed
// one, which changes the hash of the file.
var inOrder = []string{"icon.svg", "style.css", "sheet.css", "api.js", "app.js", "sheet.js", "review.js"}

var loadAssets = sync.OnceValue(func() assets {
	a := assets{map[string]Asset{}, map[string]string{}}
	for _, name := range inOrder {
		body, err := fs.ReadFile(staticFiles, "static/"+name)
		if err != nil {
			panic(err) // it is embedded
		}
		for plain, hashed := range a.hashed {
			body = bytes.ReplaceAll(body, []byte("./"+plain), []byte("./"+hashed))
		}
		sum := sha256.Sum256(body)
		ending := path.Ext(name)
		hashed := strings.TrimSuffix(name, ending) + "." + hex.EncodeToString(sum[:8]) + ending
		a.files[hashed], a.hashed[name] = Asset{contentTypes[ending], body}, hashed
	}
	return a
})

func hashed(name string) string { return loadAssets().hashed[name] }

// File returns a static file by the name under which it is served.
func File(name string) (Asset, bool) {
	a, ok := loadAssets().files[name]
	return a, ok
}
