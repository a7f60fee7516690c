package scheme_test

import (
	"testing"

	"pgregory.net/rapid"

	"bulwark/internal/scheme"
)

// A document survives the way into tables and back: rapid tries it on random ones.
func TestABookIsTheDocument(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := documents(t)
		d.Version = 1
		comesBack(t, d)
	})
	comesBack(t, shipped(t))
}

func shipped(t *testing.T) scheme.Document {
	t.Helper()
	d, err := scheme.FiveForces()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// comesBack holds the hash of the document that its book makes against its own.
func comesBack(t interface{ Fatalf(string, ...any) }, d scheme.Document) {
	want, err := scheme.Compile(d)
	if err != nil {
		t.Fatalf("%v", err)
	}
	book, err := d.Book()
	if err != nil {
		t.Fatalf("%v", err)
	}
	back, faults := scheme.FromBook(book)
	if len(faults) > 0 {
		t.Fatalf("%+v in %v", faults, book)
	}
	got, err := scheme.Compile(back)
	if err != nil || got.Hash != want.Hash {
		t.Fatalf("came back as\n%s\nfrom\n%s\n(%v)", got.Canonical, want.Canonical, err)
	}
}

// What is wrong with a cell is said of that cell.
func TestFaultsOfABookNameTheCell(t *testing.T) {
	for _, c := range []struct {
		table  string
		row    int
		column string
		value  string
		code   string
	}{
		{scheme.IndicatorTable, 3, "weight", "heavy", "wrong_type"},
		{scheme.IndicatorTable, 3, "parent", "nowhere", "unknown_parent"},
		{scheme.IndicatorTable, 3, "more", "{", "json"},
		{scheme.IndicatorTable, 2, "code", "organisation.01", "duplicate_code"},
		{scheme.DimensionTable, 1, "parent", "", "one_root"},
		{scheme.GradeTable, 1, "from", "a", "wrong_type"},
	} {
		d := shipped(t)
		book, err := d.Book()
		if err != nil {
			t.Fatal(err)
		}
		book[c.table][c.row][c.column] = c.value
		_, faults := scheme.FromBook(book)
		if len(faults) == 0 || faults[0].Code != c.code {
			t.Errorf("%+v: %+v", c, faults)
		} else if f := faults[0]; c.code != "one_root" && (f.Table != c.table || f.Row != c.row || f.Column != c.column) {
			t.Errorf("%+v: %+v", c, f)
		}
	}
	for _, c := range []struct{ table, column, value string }{
		{scheme.IndicatorTable, "entry", "guessed"},
		{scheme.IndicatorTable, "rule.kind", "magic"},
		{scheme.IndicatorTable, "weight", "-3"},
		{scheme.GradeTable, "from", "1e9"},
		{scheme.SchemeTable, "decimals", "99"},
	} {
		book, err := shipped(t).Book()
		if err != nil {
			t.Fatal(err)
		}
		book[c.table][0][c.column] = c.value
		if _, faults := scheme.FromBook(book); len(faults) == 0 || faults[0].Table != c.table {
			t.Errorf("%+v: %+v", c, faults)
		}
	}
}
