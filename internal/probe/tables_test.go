package probe

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"gorm.io/gorm"

	"bulwark/internal/backup"
)

// tables records each table of a backup: its columns and its rows, normalised and
// sorted, since ids order some of them.
func (s *service) tables(db *gorm.DB) {
	var file bytes.Buffer
	summary, err := backup.Write(s.t.Context(), db, nil, &file, "probe")
	if err != nil {
		s.t.Fatal(err)
	}
	z, err := zstd.NewReader(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	defer z.Close()
	content, _ := z.DecodeAll(file.Bytes(), nil) // what follows the frame is the seal
	lines := strings.Split(string(content), "\n")[1:]
	for i, table := range summary.Header.Tables {
		rows := make([]string, summary.Counts[i].Rows)
		for i := range rows {
			rows[i] = digest.ReplaceAllString(s.names.text(lines[i]), "…")
		}
		lines = lines[len(rows)+1:]
		slices.Sort(rows)
		columns, err := json.Marshal(table.Columns)
		if err != nil {
			s.t.Fatal(err)
		}
		s.record.add(question{"backup " + table.Name, "-", "-"}, strconv.Itoa(len(rows)),
			string(columns)+"\n"+strings.Join(rows, "\n"))
	}
}

// scores records what the command prints for the examples of the documentation.
func scores(t *testing.T, r *record) {
	t.Helper()
	program := filepath.Join(t.TempDir(), "bulwark")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-ldflags", "-s -w", "-o", program,
		"bulwark/cmd/bulwark").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, arguments := range []string{
		"--data data.csv", "--data data.csv --format csv", "--data data.csv --format csv --exact",
		"--data data.csv --format json",
		"--data data.csv --explain b07", "--data data.csv --explain b07 --format json", "--data data.csv --explain none",
		"--data data.csv --robust 50", "--data data.csv --robust 50 --format csv",
		"--data data.csv --robust 50 --format json",
		"--data mistakes.csv", "--data mistakes.csv --format json", "--data none.csv", "--data data.csv --format none", "-h",
	} {
		for _, language := range []string{"en", "zh"} {
			c := exec.CommandContext(t.Context(), program,
				append([]string{"score", "--scheme", "five-forces.json"}, strings.Fields(arguments)...)...)
			c.Dir, c.Env = "../../docs/examples", append(os.Environ(), "LC_ALL="+language)
			out, err := c.CombinedOutput()
			if c.ProcessState == nil {
				t.Fatal(err)
			}
			r.add(question{"bulwark score --scheme five-forces.json " + arguments, language, "-"},
				strconv.Itoa(c.ProcessState.ExitCode()), string(out))
		}
	}
}
