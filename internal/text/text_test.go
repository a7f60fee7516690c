package text

import (
	"strings"
	"testing"
	"unicode"

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

// Kind: what cannot be printed is refused by its number, with what to use instead.
func TestUnprintableNamesTheCharacter(t *testing.T) {
	for _, c := range []struct{ text, zh, en string }{
		{"王\ue863", "U+E863，请改用标准字“䶮”", "U+E863, a private-use character of an old encoding: use 䶮 instead"},
		{"\ue816", "U+E816，请改用标准字“𠂇”", "use 𠂇 instead"},
		{"\ue864", "“龻”", "use 龻 instead"},
		{"\ue865村", "U+E865，他人看不到", "U+E865, a private-use character that others see differently"},
		{"\U000f0000", "U+F0000", "U+F0000"},
		{"a\u202eb", "U+202E，请删除", "U+202E, a control or invisible character: remove it"},
		{"\u3164", "U+3164，请删除", "U+3164"},
		{"a\u2028b", "U+2028", "U+2028"},
		{"\xff", "不是有效的 UTF-8", "is not valid UTF-8"},
	} {
		if got := Unprintable(c.text, true); !strings.Contains(got.ZH, c.zh) || !strings.Contains(got.EN, c.en) {
			t.Errorf("Unprintable(%q) = %+v, want %q and %q", c.text, got, c.zh, c.en)
		}
		if Printable(c.text, true) {
			t.Errorf("%q is printable", c.text)
		}
	}
	if got := Unprintable("王䶮\n鹤峰村", true); !got.IsZero() {
		t.Errorf("Unprintable of what is printable: %v", got)
	}
}

// The table agrees with GB 18030, where the library maps a character to a standard one.
func TestOldGBKCharacters(t *testing.T) {
	standard := []rune(ofGBK)
	if len(standard) != 0xE865-firstOfGBK {
		t.Fatalf("%d characters", len(standard))
	}
	for i, want := range standard {
		low := byte(0x50 + i)
		if low >= 0x7f {
			low++
		}
		got, err := simplifiedchinese.GB18030.NewDecoder().Bytes([]byte{0xfe, low})
		if r := []rune(string(got)); err != nil || len(r) != 1 || r[0] != want && r[0] != rune(firstOfGBK+i) {
			t.Errorf("FE%X is %q, the table has %q (%v)", low, got, want, err)
		}
		if unicode.Is(unicode.Co, want) {
			t.Errorf("%U is no standard character", want)
		}
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
