package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"
)

// Two commands and one workbook set a town up in an empty database; a wrong cell is named, and
// nothing of its file is stored.
func TestImportSetsATownUp(t *testing.T) {
	env := fresh(t)
	name := filepath.Join(t.TempDir(), "setup.xlsx")
	do := func(want int, args ...string) (out, words string) {
		t.Helper()
		code, out, words := invoke(t.Context(), env, append([]string{"import", "-town", "new"}, args...)...)
		if code != want {
			t.Fatalf("%q: %d %s %s", args, code, out, words)
		}
		return out, words
	}
	do(0, "-template", name)
	f, err := excelize.OpenFile(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fill := func(sheet string, row int, cells ...any) {
		t.Helper()
		at, err := excelize.CoordinatesToCellName(1, row)
		if err == nil {
			err = f.SetSheetRow(sheet, at, &cells)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	fill("Areas", 4, "44", nil, "province", "省")
	fill("Areas", 5, "4499", "44", "city", "市")
	fill("Areas", 6, "449901", "4499", "district", "区")
	fill("Areas", 7, "449901001", "449901", "town", "镇")
	fill("Town", 4, "new", "449901001", "新镇")
	fill("People", 4, "lin", "林")
	fill("Appointments", 4, "lin", "leadership", nil, "2026-01-01")
	fill("Accounts", 4, "lin.min", "lin")
	fill("Branches", 4, "b01", "第一村", nil, "castle")
	if err := f.Save(); err != nil {
		t.Fatal(err)
	}
	if _, words := do(1, name); !strings.Contains(words, "cell/Branches/D4\tunknown_kind") {
		t.Errorf("a wrong kind: %s", words)
	}
	fill("Branches", 4, "b01", "第一村", nil, "village")
	if err := f.Save(); err != nil {
		t.Fatal(err)
	}
	if out, _ := do(0, "-dry-run", name); !strings.Contains(out, "9 added") || strings.Contains(out, "lin.min") {
		t.Errorf("the dry run: %s", out)
	}
	out, _ := do(0, name)
	account, rest, _ := strings.Cut(out, "\t")
	person, rest, _ := strings.Cut(rest, "\t")
	password, _, _ := strings.Cut(rest, "\n")
	if account != "lin.min" || person != "lin" || !strings.Contains(out, "9 added") {
		t.Fatalf("the import: %q", out)
	}
	if err := opens(t, env, account, password); err != nil {
		t.Error(err)
	}
	if out, _ := do(0, name); !strings.Contains(out, "0 added, 0 changed") {
		t.Errorf("the same file again: %s", out)
	}
	if err := os.WriteFile(name, []byte("no workbook"), 0o600); err != nil {
		t.Fatal(err)
	}
	do(1, name)
	do(2)
}
