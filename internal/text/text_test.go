package text

import "testing"

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
