package pages

import (
	"strings"

	"bulwark/internal/index"
	"bulwark/internal/scheme"
)

// NoticeView is a publication as its public notice shows it.
type NoticeView struct {
	Result
	Detail       index.PublicationDetail
	Publications []index.PublicationDetail // of the period, the first one first
	Ranking      index.Ranking
	Diff         *index.Diff // what it shows otherwise than the one before; nil of the first one
	Address      string      // short and absolute, for paper
	AnswerDays   int64
}

// Notice returns the page of the public notice of a publication.
func Notice(f Frame, v NoticeView) ([]byte, error) {
	v.language = f.Language
	return render("notice", f, v)
}

// Left returns how many days of the notice are left, that day included; 0: it is over.
func (v NoticeView) Left() int {
	if v.Detail.Notice == nil || !v.Detail.Notice.Open {
		return 0
	}
	return v.Today.DaysUntil(v.Detail.Notice.Until) + 1
}

// Fingerprint returns the result hash in groups of eight, for people who compare it.
func (v NoticeView) Fingerprint() string { return groups(v.Detail.ResultHash) }

func groups(hash string) string {
	var list []string
	for ; len(hash) > 8; hash = hash[8:] {
		list = append(list, hash[:8])
	}
	return strings.Join(append(list, hash), " ")
}

// VerifyView is a publication held against what it was made from.
type VerifyView struct {
	Result
	Receipt      index.Receipt
	Verification index.Verification
	Data         bool // the reader may download the data of all branches
}

// Verify returns the page that checks a publication and states how anybody can.
func Verify(f Frame, v VerifyView) ([]byte, error) {
	v.language = f.Language
	return render("verify", f, v)
}

// SchemeName returns the name of the scheme.
func (r Result) SchemeName() string { return r.Scheme.Document.Name.In(r.language) }

// SchemeRef returns the scheme as it is cited.
func (r Result) SchemeRef() scheme.Ref { return r.Scheme.Document.Ref() }
