package datafile

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"bulwark/internal/scheme"
)

const few = `{"code": "few", "version": 1, "name": {"en": "few"}, "decimals": 2, "min_coverage": 0,
 "quantities": [{"code": "done", "name": {"en": "done"}}, {"code": "due", "name": {"en": "due"}}],
 "tree": {"code": "index", "children": [
  {"code": "x", "name": {"en": "x"}, "weight": 1, "entry": "reported", "rule": {"kind": "points", "max": 1e15}},
  {"code": "grade", "name": {"en": "y"}, "weight": 1, "entry": "reported", "rule": {"kind": "levels", "levels": {"A": 100, "B": 50}}, "missing": {"kind": "carry"}},
  {"code": "rate", "name": {"en": "z"}, "weight": 1, "entry": "derived", "derive": {"kind": "ratio", "numerator": "done", "denominator": "due", "scale": 100}, "rule": {"kind": "goalposts", "low": 0, "high": 100}},
  {"code": "v", "name": {"en": "v"}, "weight": 1, "entry": "reported", "rule": {"kind": "goalposts", "low": 0, "high": 9}, "applies_to": {"kinds": ["village"]}}]},
 "adjustments": {"bonus": {"cap": 5, "items": [{"code": "star", "name": {"en": "star"}, "points": 2}]}}}`

func strip(s string) string { return strings.ReplaceAll(s, "grade", "level") }

func compile(t testing.TB, document string) *scheme.Compiled {
	t.Helper()
	d, err := scheme.Decode([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	c, err := scheme.Compile(d)
	if err != nil {
		t.Fatalf("%v %+v", err, err)
	}
	return c
}

func fewScheme(t testing.TB) *scheme.Compiled { return compile(t, strip(few)) }

const top = "branch,kind,class,adjustments,x,level,rate,v\n"

func TestRead(t *testing.T) {
	const file = "\ufeffv,rate,\"level\",x,class,adjustments,kind,name,branch\r\n" +
		"\r\n" +
		"3,,A,+1.5e1,p,star;star,village,\"一村, \"\"甲\"\"\",b1\r\n" +
		"n/a,-.5,~B,,q,,community,,b2\r\n" +
		",50.,n/a,1e15,p,,village,,\"b3\""
	for name, r := range map[string]io.Reader{
		"whole": strings.NewReader(file), "byte by byte": iotest.OneByteReader(strings.NewReader(file)),
		"end with data": iotest.DataErrReader(strings.NewReader(file)),
		"in halves":     iotest.HalfReader(strings.NewReader(file)),
	} {
		t.Run(name, func(t *testing.T) {
			d, err := Read(r, fewScheme(t))
			if err != nil {
				t.Fatal(err)
			}
			nan := math.NaN()
			got := fmt.Sprint(d.Data.Units, d.Data.Classes, d.Kinds, d.Names, d.Data.Columns, d.Data.NotApplicable,
				d.Data.Carried, d.Adjustments)
			want := fmt.Sprint([]string{"b1", "b2", "b3"}, []string{"p", "q", "p"},
				[]string{"village", "community", "village"}, []string{`一村, "甲"`, "", ""},
				[][]float64{{15, nan, 1e15}, {1, nan, nan}, {nan, -.5, 50}, {3, nan, nan}},
				[][]bool{nil, {false, false, true}, nil, {false, true, false}},
				[][]float64{nil, {nan, 0, nan}, nil, nil}) + " [{0 star 0} {0 star 0}]"
			if got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

func TestReadDerivesWhatHasNoColumn(t *testing.T) {
	d, err := Read(strings.NewReader(
		"branch,kind,x,level,done,due,v\na,village,,,3,4,\nb,village,,,3,0,\nc,village,,,3,,\nd,village,,,0,0,\ne,village,,,5.1,6,\n"),
		fewScheme(t))
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprint(d.Data.Columns[2], d.Data.NotApplicable[2], d.Data.Classes == nil, d.Names == nil)
	if got != "[75 NaN NaN NaN 85] [false false false true false] true true" {
		t.Error(got)
	}
}

// The age of a carried value survives writing and reading; a file that does not state it can still be read.
func TestAgesOfCarriedValues(t *testing.T) {
	c := fewScheme(t)
	const file = "branch,kind,x,level,done,due,v\na,village,,~90~B,3,4,\nb,village,,~B,3,4,\nc,village,,A,3,4,\n"
	d, err := Read(strings.NewReader(file), c)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(d.Age(1, 0), d.Age(1, 1), d.Age(1, 2), d.Age(0, 0), d.Data.Carried[1]); got != "90 0 0 0 [0 0 NaN]" {
		t.Error(got)
	}
	written := Write(c, d)
	again, err := Read(strings.NewReader(written), c)
	if err != nil || Write(c, again) != written || !strings.Contains(written, ",~90~B,") {
		t.Errorf("%v\n%s", err, written)
	}
	if _, err := Read(strings.NewReader(strings.Replace(file, "~90~B", "~9x~B", 1)), c); err == nil {
		t.Error("a mark that is no number of days was taken")
	}
}

// What people type on two keyboards, or with a blank behind it, is one word: as the service
// reads it. A branch that is called like a total is one, where its kind or class is given.
func TestReadBringsWordsToOneForm(t *testing.T) {
	d, err := Read(strings.NewReader(strings.Replace(top, "branch", "branch,name", 1)+
		"re\u0301 ,e\u0301 village,village,e\u0301,,1,A,1,1\n合计,,village,\u00e9 ,,1,B,1,1\ntotal,,,x,,1,A,1,\n"), fewScheme(t))
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprintf("%q %q %q", d.Data.Units, d.Data.Classes, d.Names); got != `["ré" "合计" "total"] ["é" "é" "x"] ["é village" "" ""]` {
		t.Error(got)
	}
	written := Write(fewScheme(t), d)
	if again, err := Read(strings.NewReader(written), fewScheme(t)); err != nil || Write(fewScheme(t), again) != written {
		t.Errorf("%v\n%s", err, written)
	}
}

// A level is the same in either form, in the scheme and in the file.
func TestReadFindsLevelsInEitherForm(t *testing.T) {
	for _, form := range []string{"\u00e9", "e\u0301"} {
		c := compile(t, strip(strings.ReplaceAll(few, `"A"`, `"`+form+`"`)))
		for _, cell := range []string{"\u00e9", "e\u0301"} {
			d, err := Read(strings.NewReader(top+"b1,village,,,1,"+cell+",1,1\n"), c)
			if err != nil || d.Data.Columns[1][0] != 1 {
				t.Errorf("%q in a scheme with %q: %v", cell, form, err)
			}
		}
	}
}

func TestReadOfNobody(t *testing.T) {
	for _, file := range []string{top, strings.TrimSpace(top), top + "\n\r\n\r"} {
		d, err := Read(strings.NewReader(file), fewScheme(t))
		if err != nil || len(d.Data.Units) != 0 {
			t.Errorf("%q: %v %v", file, d, err)
		}
	}
}

// Each file has one mistake; the first line of the message is where and what.
func TestReadRefuses(t *testing.T) {
	long := strings.Repeat("长", 50)
	for _, c := range []struct{ file, want string }{
		{"", `f: the file is empty: its first line names the columns`},
		{"\ufeff\n\n", `f: the file is empty: its first line names the columns`},
		{"PK\x03\x04....", `f:1: this is an Excel workbook: save it as CSV UTF-8`},
		{"\xff\xfeb\x00", `f:1: this is UTF-16: save the file as CSV UTF-8`},
		{"\x7fELF\x00\x01", `f:1: this is a binary file, not CSV`},
		{"branch;kind;x\nb1;village;1\n", `f:1: "branch;kind;x": separate the columns by commas`},
		{strings.Replace(top, "branch", "Branch", 1), `f:1: "Branch": the scheme has no such column: is it "branch"?`},
		{strings.Replace(top, ",v\n", ",velocity\n", 1), `f:1: "velocity": the scheme has no such column`},
		{strings.Replace(top, ",v\n", ",w\n", 1), `f:1: "w": the scheme has no such column: is it "v"?`},
		{strings.Replace(top, ",v\n", ",v,\n", 1), `f:1: a column has no name`},
		{strings.Replace(top, ",v\n", ",v,x\n", 1), `f:1: "x": the column occurs twice`},
		{strings.Replace(top, "class", "\xb4\xe5", 1), `f:1: "\xb4\xe5": is not UTF-8: save the file as CSV UTF-8`},
		{strings.Replace(top, "class", `"class"y`, 1), `f:1: "class": there is text behind the closing quote`},
		{strings.Replace(top, ",x", "", 1), `f:1: x: the column is missing: where it is not known, leave its cells empty`},
		{strings.Replace(top, ",rate", ",done", 1), `f:1: rate: the column is missing, and so are its parts done and due`},
		{strings.Replace(top, ",kind", "", 1), `f:1: kind: the column is missing: some indicators apply to some kinds only`},
		{top + "b1,village,,,1,A,1\n", `f:2: the line has 7 cells instead of 8`},
		{top + "b1,village,,,1,A,1,1,\n", `f:2: the line has 9 cells instead of 8`},
		{top + "\n\nb1,village,\"two\nlines\",,1,A,1,1\n", `f:4: class: "two\nlines": contains the control character U+000A: remove it, or use a blank`},
		{top + ",village,,,1,A,1,1\n", `f:2: branch: the line has no branch`},
		{top + "\tb1,village,,,1,A,1,1\n", `f:2: branch: "\tb1": contains the control character U+0009: remove it, or use a blank`},
		{top + "re\u0301,village,,,1,A,1,1\nr\u00e9,village,,,1,A,1,1\n", `f:3: branch: "ré": the branch is on line 2 already`},
		{top + "Ａ村,village,,,1,A,1,1\nA村 ,village,,,1,A,1,1\n", `f:3: branch: "A村 ": the branch is on line 2 already`},
		{top + "合计,,,,1,A,1,1\n", `f:2: branch: "合计": the line reads as a total of others`},
		{top + "b1,village,,,1,A,1,1\n全镇 合 计：,,,,1,A,1,1\n", `f:3: branch: "全镇 合 计：": the line reads as a total of others`},
		{top + "Total,,,,1,A,1,1\n", `f:2: branch: "Total": the line reads as a total of others`},
		{strings.Replace(top, "branch", "branch,name", 1) + "x,总计,,,,1,A,1,1\n", `f:2: branch: "总计": the line reads as a total of others`},
		{top + "b\u202e1,village,,,1,A,1,1\n", `f:2: branch: "b\u202e1": contains the invisible character U+202E, which changes the direction of text: remove it`},
		{
			top + strings.Repeat("b", 257) + ",village,,,1,A,1,1\n",
			`f:2: branch: "` + strings.Repeat("b", 39) + `…": is longer than 256 bytes`,
		},
		{top + "b1,village,,,1,A,1,1\nb1,village,,,1,A,1,1\n", `f:3: branch: "b1": the branch is on line 2 already`},
		{top + "=1+1,village,,,1,A,1,1\n", `f:2: branch: "=1+1": begins with = + - or @`},
		{top + "b1,village,＠x,,1,A,1,1\n", `f:2: class: "＠x": begins with = + - or @`},
		{top + "b1,village,,star;moon,1,A,1,1\n", `f:2: adjustments: "moon": the scheme has no such bonus`},
		{top + "b1,village,,star;,1,A,1,1\n", `f:2: adjustments: the scheme has no such bonus`},
		{top + "b1,community,,,1,A,1,1\n", `f:2: v: the indicator does not apply to the kind "community"`},
		{top + "b1,village,,,~1,A,1,1\n", `f:2: x: "~1": the scheme does not carry values`},
		{top + "b1,village,,,1,~,1,1\n", `f:2: level: "~": there is no such level: use one of A, B`},
		{top + "b1,village,,,1,a,1,1\n", `f:2: level: "a": there is no such level: use one of A, B`},
		{top + "b1,village,,,1,\xff,1,1\n", `f:2: level: "\xff": is not UTF-8`},
		{top + "b1,village,,,-1,A,1,1\n", `f:2: x: -1: `},
		{top + "b1,village,,," + long + ",A,1,1\n", `f:2: x: "` + strings.Repeat("长", 39) + `…": is not a number`},
		{top + "b1,village,,,1\x00,A,1,1\n", `f:2: x: "1\x00": holds a NUL byte`},
		{top + "b1,village,,,1,A,1,1\rb2,village,,,1,A,1,1\n", `f:2: v: "1\rb2": a carriage return without line feed`},
		{top + "b1,village,,,1,A,1,a\"b\"\n", `f:2: v: "a\"b\"": quotes enclose a whole cell`},
		{top + "b1,village,,,1,A,1,\"1\"2\n", `f:2: v: "1": there is text behind the closing quote`},
		{top + "b1,village,,,1,A,1,\"1\n\n\n", `f:2: a quote opens here and is never closed`},
		{top + "b1,village," + strings.Repeat("c", maxCell+1), `f:2: the cell is longer than 64 KiB`},
		{top + "b1,village,\"" + strings.Repeat("c\n", maxCell), `f:2: the cell is longer than 64 KiB`},
		{top + "b1,village,\"\"" + strings.Repeat("c", 2*maxCell), `f:2: the cell is longer than 64 KiB`},
	} {
		_, err := Read(strings.NewReader(c.file), fewScheme(t))
		var found *Faults
		if !errors.As(err, &found) {
			t.Errorf("%.80q: %v", c.file, err)
			continue
		}
		if got := found.In("en", "f"); !strings.HasPrefix(got, c.want) {
			t.Errorf("%.80q:\ngot  %s\nwant %s", c.file, got, c.want)
		}
		if zh := found.In("zh", "f"); found.List[0].Message.ZH == "" || found.List[0].Code == "" {
			t.Errorf("%.80q: incomplete fault %s", c.file, zh)
		}
	}
}

func TestReadRefusesWhatIsNoNumber(t *testing.T) {
	for cell, want := range map[string]string{
		"abc": "is not a number", "1e": "is not a number", "e5": "is not a number", ".": "leave a missing value empty",
		"1.2.3": "thousands", "--1": "is not a number",
		"NaN": "leave a missing value empty", "nan": "leave a missing value empty", "N/A": "n/a in small letters",
		"-": "leave a missing value empty", "无": "leave a missing value empty",
		"Inf": "infinite", "-infinity": "infinite", "∞": "infinite",
		"0x1p-2": "decimal", "0xff": "decimal", "1_000": "underscores", "1,234.5": "thousands", "12,5": "thousands",
		"1 234": "thousands", "1'234": "thousands", "1\u00a0234": "thousands",
		"１２": "full-width", "1．5": "full-width", "−5": "full-width", "٣": "full-width", "95%": "percent", " 1": "blanks",
		"1 ": "blanks", " ": "blank but not empty", "\t": "blank but not empty",
		"1e400": "between -1e15 and 1e15", "-1e400": "between -1e15 and 1e15", "1000000000000001": "between -1e15 and 1e15",
		"true": "is not a number", "2023-07-01": "is not a number", `\1`: "is not a number",
	} {
		_, err := Read(strings.NewReader(top+"b1,village,,,\""+cell+"\",A,1,1\n"), fewScheme(t))
		var found *Faults
		if !errors.As(err, &found) || len(found.List) != 1 {
			t.Errorf("%q: %v", cell, err)
			continue
		}
		if f := found.List[0]; f.Line != 2 || f.Column != "x" || f.Cell != cell || !strings.Contains(f.Message.EN, want) {
			t.Errorf("%q: %+v, want %q", cell, f, want)
		}
	}
}

func TestReadCountsWhatItDoesNotList(t *testing.T) {
	_, err := Read(strings.NewReader(top+strings.Repeat("b1,village,,,x,C,y,z\n", 1000)), fewScheme(t))
	var found *Faults
	if !errors.As(err, &found) || len(found.List) != 100 || found.More != 1000*4+999-100 {
		t.Errorf("%d listed, %d more", len(found.List), found.More)
	}
	if found.List[99].Line != 22 {
		t.Errorf("the last of the first 100 is on line %d, not 22", found.List[99].Line)
	}
	_, err = Read(strings.NewReader("branch"+strings.Repeat(",x1", 1000)+"\n"), fewScheme(t))
	if !errors.As(err, &found) || !strings.Contains(err.Error(), "1000 columns in all are unknown") ||
		len(found.List) > 30 {
		t.Error(err)
	}
}

func TestReadTellsOfItsReader(t *testing.T) {
	down := errors.New("cable cut")
	for _, before := range []string{"", "branch", top, top + "b1,vil", top + "\"b1"} {
		_, err := Read(io.MultiReader(strings.NewReader(before), iotest.ErrReader(down)), fewScheme(t))
		if !errors.Is(err, down) {
			t.Errorf("%q: %v", before, err)
		}
	}
}

// A million columns, or a cell without end, must not cost memory.
func TestReadIsBounded(t *testing.T) {
	c := fewScheme(t)
	for name, r := range map[string]io.Reader{
		"header":       io.MultiReader(strings.NewReader("branch"), endless(",column", 1_000_000)),
		"line":         io.MultiReader(strings.NewReader(top), endless(",1", 2_000_000)),
		"cell":         io.MultiReader(strings.NewReader(top), endless("1", 10_000_000)),
		"quoted cell":  io.MultiReader(strings.NewReader(top+`"`), endless("1\n", 10_000_000)),
		"header cell":  endless("b", 10_000_000),
		"empty lines":  endless("\r\n", 10_000_000),
		"faulty lines": io.MultiReader(strings.NewReader(top), endless("\n,", 1_000_000)),
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := Read(r, c)
			runtime.ReadMemStats(&after)
			if err == nil {
				t.Error("accepted")
			}
			if grown := int64(after.HeapSys) - int64(before.HeapSys); grown > 32<<20 {
				t.Errorf("%d MiB more memory", grown>>20)
			}
		})
	}
}

func endless(s string, times int) io.Reader {
	many := strings.Repeat(s, 1000)
	var parts []io.Reader
	for range times / 1000 {
		parts = append(parts, strings.NewReader(many))
	}
	return io.MultiReader(parts...)
}

// Whatever the bytes, the reader ends, its faults are located, and data that it
// accepts can be scored. Where encoding/csv accepts the file too, it sees the
// same cells.
func FuzzReadData(f *testing.F) {
	c := fewScheme(f)
	for _, seed := range []string{
		top, top + "b1,village,,star,1,A,1,1\n", "\ufeff" + top + "\"b\"\"1\",village,,,1e3,~B,n/a,\r\n",
		top + "b1,village,\"\n\",,1_0,C,0x1,\xff\n", "a,\"b\nc\"d,\"", "\"\"\r\r\n,\r\"\n", ",0\r",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		d, err := Read(bytes.NewReader(file), c)
		var found *Faults
		switch {
		case err == nil:
			if err := c.Index.Check(d.Data); err != nil {
				t.Fatal(err)
			}
		case !errors.As(err, &found):
			t.Fatal(err)
		default:
			for _, fault := range found.List {
				if fault.Line < 1 && fault.Code != "unreadable" || fault.Line > bytes.Count(file, []byte("\n"))+1 ||
					fault.Message.EN == "" || len([]rune(fault.Cell)) > 40 {
					t.Fatalf("%+v", fault)
				}
			}
		}
		sameCells(t, file, bytes.NewReader(file))
		sameCells(t, file, iotest.OneByteReader(bytes.NewReader(file))) // moves the buffer at every chance
	})
}

func sameCells(t *testing.T, file []byte, in io.Reader) {
	r := csv.NewReader(bytes.NewReader(file))
	r.FieldsPerRecord = -1
	want, err := r.ReadAll()
	ours := newCells(in)
	var got [][]string
	for {
		ok, failed := ours.row()
		if !ok || failed != nil {
			break
		}
		var row []string
		for last := false; !last; {
			c, failed := ours.next()
			if failed != nil || !c.flaw.IsZero() {
				return // stricter than encoding/csv
			}
			row, last = append(row, strings.ReplaceAll(string(c.text), "\r\n", "\n")), c.last
		}
		got = append(got, row)
	}
	if err != nil {
		t.Fatalf("encoding/csv refuses %q: %v", file, err)
	}
	if !slices.EqualFunc(got, want, slices.Equal[[]string]) {
		t.Fatalf("%q\ngot  %q\nwant %q", file, got, want)
	}
}

func BenchmarkReadData(b *testing.B) {
	var file strings.Builder
	file.WriteString(top)
	for u := range 50_000 {
		fmt.Fprintf(&file, "b%06d,village,rural,,%d.%d,A,9%d.5,%d\n", u, u%97, u%10, u%10, u%8)
	}
	c := fewScheme(b)
	b.SetBytes(int64(file.Len()))
	b.Run("ours", func(b *testing.B) {
		b.SetBytes(int64(file.Len()))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := Read(strings.NewReader(file.String()), c); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("encoding-csv-alone", func(b *testing.B) {
		b.SetBytes(int64(file.Len()))
		b.ReportAllocs()
		for b.Loop() {
			r := csv.NewReader(strings.NewReader(file.String()))
			for r.ReuseRecord = true; ; {
				if _, err := r.Read(); err != nil {
					break
				}
			}
		}
	})
}
