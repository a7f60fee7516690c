package probe

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// question is what was asked, of whom and in which language. Those of commands and
// tables have no caller.
type question struct{ address, language, caller string }

// entry is what came back: the status of HTTP or the exit code, and the first digits
// of the SHA-256 of the normalised answer.
type entry struct{ status, digest string }

// record is everything that was asked, with the answers.
type record struct {
	entries map[question]entry
	texts   map[string]string // by digest: many callers get the same answer
}

func newRecord() *record { return &record{map[question]entry{}, map[string]string{}} }

func (r *record) add(q question, status, text string) {
	sum := sha256.Sum256([]byte(text))
	digest := hex.EncodeToString(sum[:6])
	r.entries[q], r.texts[digest] = entry{status, digest}, text
}

var unfit = regexp.MustCompile(`[^A-Za-z0-9._=&{}-]+`)

// write writes the answers to the questions into files of the folder, one for each
// question, callers with the same answer sharing one.
func (r *record) write(t *testing.T, folder string, questions []question) {
	t.Helper()
	if err := os.RemoveAll(folder); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	callers := map[question][]string{} // by a question whose caller is the digest
	for _, q := range questions {
		if e, ok := r.entries[q]; ok {
			shared := question{q.address, q.language, e.digest}
			callers[shared] = append(callers[shared], q.caller)
		}
	}
	for q, who := range callers {
		slices.Sort(who)
		name := unfit.ReplaceAllString(strings.TrimPrefix(q.address, "GET "), "_") + "." + q.language + "." +
			strings.Join(who, "+")
		if len(who) > 4 {
			name = strings.TrimSuffix(name, strings.Join(who[1:], "+")) + fmt.Sprintf("and %d more", len(who)-1)
		}
		text := "# " + q.address + "\n# " + q.language + " " + strings.Join(who, " ") + "\n" + r.texts[q.caller]
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// format returns the entries as the file keeps them: address, language, status,
// digest and the callers who got just that.
func format(entries map[question]entry) string {
	callers := map[string][]string{}
	for q, e := range entries {
		line := strings.Join([]string{q.address, q.language, e.status, e.digest}, "\t")
		callers[line] = append(callers[line], q.caller)
	}
	lines := make([]string, 0, len(callers))
	for line, who := range callers {
		slices.Sort(who)
		lines = append(lines, line+"\t"+strings.Join(who, " ")+"\n")
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}

// readEntries reads what format wrote.
func readEntries(name string) (map[question]entry, error) {
	content, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	entries := map[question]entry{}
	for line := range strings.Lines(string(content)) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(f) != 5 {
			return nil, fmt.Errorf("%s: not five columns: %q", name, line)
		}
		for _, who := range strings.Split(f[4], " ") {
			entries[question{f[0], f[1], who}] = entry{f[2], f[3]}
		}
	}
	return entries, nil
}

// changed returns the questions that have another answer, or one on one side only.
func changed(a, b map[question]entry) (differing []question) {
	for q, e := range a {
		if b[q] != e {
			differing = append(differing, q)
		}
	}
	for q := range b {
		if _, ok := a[q]; !ok {
			differing = append(differing, q)
		}
	}
	slices.SortFunc(differing, func(a, b question) int {
		return strings.Compare(a.address+a.language+a.caller, b.address+b.language+b.caller)
	})
	return differing
}

// addresses returns each address once.
func addresses(questions []question) []string {
	set := map[string]bool{}
	for _, q := range questions {
		set[q.address] = true
	}
	return slices.Sorted(maps.Keys(set))
}

// summary counts the questions by caller and names up to 40 addresses.
func summary(questions []question) string {
	by := map[string]int{}
	for _, q := range questions {
		by[q.caller+" "+q.language]++
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d entries\n", len(questions))
	for _, who := range slices.Sorted(maps.Keys(by)) {
		fmt.Fprintf(&b, "  %s: %d\n", who, by[who])
	}
	all := addresses(questions)
	b.WriteString(strings.Join(all[:min(len(all), 40)], "\n"))
	if len(all) > 40 {
		fmt.Fprintf(&b, "\n… and %d more addresses", len(all)-40)
	}
	return b.String()
}

// reasonsFile names wide changes that are intended, one a line: a pattern of
// addresses as path.Match has it, a tab, and the reason. The commit after the change
// empties it.
const reasonsFile = "testdata/renames.txt"

// withoutReason returns the questions whose address no pattern matches.
func withoutReason(t *testing.T, questions []question) (rest []question) {
	t.Helper()
	content, err := os.ReadFile(reasonsFile)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	var patterns []string
	for line := range strings.Lines(string(content)) {
		if pattern, reason, ok := strings.Cut(strings.TrimSpace(line), "\t"); ok && reason != "" &&
			!strings.HasPrefix(line, "#") {
			patterns = append(patterns, flat(pattern))
		}
	}
	for _, q := range questions {
		if !slices.ContainsFunc(patterns, func(p string) bool { ok, err := path.Match(p, flat(q.address)); return ok && err == nil }) {
			rest = append(rest, q)
		}
	}
	return rest
}

// flat lets * of a pattern stand for several segments of an address.
func flat(address string) string { return strings.NewReplacer("/", "!", "?", "!").Replace(address) }
