package text

import (
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"
)

func TestInFallsBackToTheOtherLanguage(t *testing.T) {
	both := F("%s 已锁定", "%s is locked", "2023Q3")
	for _, c := range []struct {
		text           Text
		language, want string
	}{
		{both, "zh", "2023Q3 已锁定"},
		{both, "zh-CN", "2023Q3 已锁定"},
		{both, "en", "2023Q3 is locked"},
		{Text{ZH: "村"}, "en", "村"},
		{Text{EN: "village"}, "zh", "village"},
	} {
		if got := c.text.In(c.language); got != c.want {
			t.Errorf("In(%q) = %q, want %q", c.language, got, c.want)
		}
	}
}

func TestCleanComposes(t *testing.T) {
	if got := Clean(" e\u0301\t"); got != "\u00e9" {
		t.Errorf("Clean = %q", got)
	}
}

func TestAlike(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"Re\u0301nyi", "R\u00e9nyi", true},
		{"Ａ１村", "A1村", true},
		{"里水\u3000社区", " 里水  社区 ", true},
		{"里水社区", "里水村", false},
		{"b1", "b2", false},
	} {
		if got := Alike(c.a) == Alike(c.b); got != c.same {
			t.Errorf("%q and %q read alike: %v", c.a, c.b, got)
		}
	}
}

func TestPrintable(t *testing.T) {
	for _, c := range []struct {
		text      string
		multiline bool
		want      bool
	}{
		{"鹤峰村", false, true},
		{"two\nlines", false, false},
		{"two\nlines", true, true},
		{"a\u202eb", true, false},
		{"a\u200bb", false, false},
		{"bell\a", true, false},
		{"\xff", true, false},
	} {
		if got := Printable(c.text, c.multiline); got != c.want {
			t.Errorf("Printable(%q, %v) = %v", c.text, c.multiline, got)
		}
	}
}

func TestHiddenNamesTheCharacter(t *testing.T) {
	for _, c := range []struct{ text, zh, en string }{
		{"王\ue863", "U+E863：请改用", ""},
		{"王\ue863", "标准字“䶮”（U+4DAE）", "use 䶮 (U+4DAE) instead"},
		{"王\ue81e", "“龴”", "U+9FB4"},
		{"王\ue815", "“⺁”", ""},
		{"王\ue864", "“龻”", ""},
		{"王\ue865", "U+E865", "the standard character"},
		{"王\U000f0000", "U+F0000", "private-use"},
		{"a\u202eb", "U+202E", "direction of text"},
		{"a\u200bb", "U+200B", "invisible character"},
		{"\u3164", "U+3164", "invisible character"},
		{"\u2800", "U+2800", "invisible character"},
		{"a\ufeff", "U+FEFF", "invisible character"},
		{"a\u2028b", "U+2028", "use a blank"},
		{"a\x7f", "U+007F", "control character"},
		{"\xff", "UTF-8", "UTF-8"},
	} {
		got, found := Hidden(c.text, false)
		if !found || !strings.Contains(got.ZH, c.zh) || !strings.Contains(got.EN, c.en) {
			t.Errorf("Hidden(%q) = %q, %v", c.text, got, found)
		}
	}
	for _, s := range []string{"鹤峰村", "王䶮", "辻󠄀村", "Ān · Lǐ", "二〇二六　年", "a\u00a0b"} {
		if got, found := Hidden(s, false); found {
			t.Errorf("Hidden(%q) = %q", s, got)
		}
	}
	if _, found := Hidden("a\nb\tc\u2029", true); found {
		t.Error("line breaks are hidden in several lines")
	}
}

// The published table of golang.org/x/text has 66 of the 80 characters; the other 14 were
// private-use ones when it was made, and GB 18030-2022 gave them these places.
func TestPrivateCharactersOfGBKAreThoseOfThePublishedTable(t *testing.T) {
	later := map[rune]rune{
		0xE816: 0x20087, 0xE817: 0x20089, 0xE818: 0x200CC, 0xE81E: 0x9FB4, 0xE826: 0x9FB5, 0xE82B: 0x9FB6, 0xE82C: 0x9FB7,
		0xE831: 0x215D7, 0xE832: 0x9FB8, 0xE83B: 0x2298F, 0xE843: 0x9FB9, 0xE854: 0x9FBA, 0xE855: 0x241FE, 0xE864: 0x9FBB,
	}
	i, private := 0, 0
	for b := byte(0x50); b <= 0xA0; b++ {
		if b == 0x7F {
			continue
		}
		decoded, err := simplifiedchinese.GB18030.NewDecoder().Bytes([]byte{0xFE, b})
		if err != nil {
			t.Fatal(err)
		}
		want, _ := utf8.DecodeRune(decoded)
		if want == utf8.RuneError {
			private++
			want = later[gbkFirst+rune(i)]
		}
		if gbkPrivate[i] != want {
			t.Errorf("U+%X is %c (U+%X), want U+%X", gbkFirst+rune(i), gbkPrivate[i], gbkPrivate[i], want)
		}
		i++
	}
	if i != len(gbkPrivate) || private != len(later) {
		t.Errorf("%d characters, %d of them without a place, want %d and %d", i, private, len(gbkPrivate), len(later))
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b        string
		limit, want int
	}{
		{"kitten", "sitting", 9, 3},
		{"kitten", "sitting", 2, 2},
		{"", "abc", 9, 3},
		{"same", "same", 9, 0},
		{"a", "abcdefgh", 3, 3},
	} {
		if got := Distance(c.a, c.b, c.limit); got != c.want {
			t.Errorf("Distance(%q, %q, %d) = %d, want %d", c.a, c.b, c.limit, got, c.want)
		}
	}
}

func TestIsIdentityNumber(t *testing.T) {
	for s, want := range map[string]bool{
		"11010519491231002X": true, // the example of GB 11643
		"11010519491231002x": true,
		"440524188001010014": true,
		"１１０１０５１９４９１２３１００２Ｘ": true,
		"110105 19491231 002X": true,
		"110105-19491231-002X": true,
		"110105491231002":      true,
		"110105194912310021":   false, // another check character
		"11010519491331002X":   false, // no such month
		"01010519491231002X":   false, // no such province
		"110105491331002":      false,
		"11010549123100X":      false,
		"1101054912310021":     false,
		"124406050071234567":   false, // the number of an organisation
		"A10105491231002":      false,
		"440605126222":         false,
		"":                     false,
	} {
		if got := IsIdentityNumber(s); got != want {
			t.Errorf("%q is an identity number: %v", s, got)
		}
	}
}
