package probe

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// names stand for the ids of things, which are random: "plan-3" is the third plan of
// the list of plans.
type names map[string]string

var (
	id     = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	moment = regexp.MustCompile(`(\d{4}-\d\d-\d\d)T\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)`)
	token  = regexp.MustCompile(`("next_page_token": ?)"[^"]+"`)
	digest = regexp.MustCompile(`\b[0-9a-f]{64}\b`)
	sealed = regexp.MustCompile(`("digest": ?)"[0-9a-f]{64}"`) // of a plan's version, with its ids
	secret = regexp.MustCompile(`\bbw_[0-9a-f]{8}\b`)          // the open part of a random key
	salt   = regexp.MustCompile(`\b[A-Z2-7]{26}\b`)            // of a person, random
)

// text returns the text with names for ids and days for moments: the clock of the
// demo goes a second further with every look at it, and how often somebody looks is
// no behaviour. Ids without a name are numbered as they appear.
func (n names) text(text string) string {
	own := names{}
	text = id.ReplaceAllStringFunc(text, func(id string) string {
		if name, ok := n[id]; ok {
			return name
		}
		if own[id] == "" {
			own[id] = fmt.Sprintf("id-%d", len(own)+1)
		}
		return own[id]
	})
	return moment.ReplaceAllString(salt.ReplaceAllString(text, "…"), "${1}T…")
}

// unpacked returns the members of a zip file, whose checksums cover ids.
func unpacked(file []byte) []byte {
	r, err := zip.NewReader(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		return file
	}
	var b bytes.Buffer
	for _, f := range r.File {
		fmt.Fprintf(&b, "%s:\n", f.Name)
		member, err := f.Open()
		if err == nil {
			_, err = io.Copy(&b, member)
		}
		if err != nil {
			fmt.Fprintln(&b, err)
		}
	}
	return b.Bytes()
}

// keys is the one list in a random order: that of the open parts of the keys.
const keys = "GET /keys"

// answer returns the normalised answer to the address: the headers that a client
// acts on, and the body.
func (n names) answer(address string, header http.Header, body []byte) string {
	var b bytes.Buffer
	for _, name := range []string{
		"Content-Type", "Content-Disposition", "Content-Language", "Cache-Control", "Location", "WWW-Authenticate", "ETag",
	} {
		value := header.Get(name)
		if name == "ETag" && value != "" {
			version, _, versioned := strings.Cut(value, ".")
			if value = "…"; versioned { // the digest is made of the body and of moments
				value = version + `"`
			}
		}
		if value != "" {
			fmt.Fprintf(&b, "%s: %s\n", name, value)
		}
	}
	b.WriteByte('\n')
	if header.Get("Content-Type") == "application/zip" {
		body = unpacked(body)
	}
	if !strings.Contains(header.Get("Content-Type"), "json") || strings.HasSuffix(address, ".json") ||
		json.Indent(&b, body, "", " ") != nil {
		b.Write(body)
	}
	text := n.text(b.String())
	text = token.ReplaceAllString(sealed.ReplaceAllString(text, `$1"…"`), `$1"…"`)
	text = secret.ReplaceAllString(text, "bw_…")
	if address == keys {
		lines := strings.Split(text, "\n")
		slices.Sort(lines)
		text = strings.Join(lines, "\n")
	}
	if strings.Contains(address, "/audit") {
		text = digest.ReplaceAllString(text, "…") // the chain covers ids and moments
	}
	return text
}
