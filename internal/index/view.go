package index

import (
	"bulwark/internal/fault"
	"bulwark/internal/scheme"
	"bulwark/internal/text"
)

// View is one period ready to be shown: its outcome and that of the period
// before. Views of the same Token show the same figures.
type View struct {
	Token    string // empty while provisional
	source   Source
	current  *Outcome
	previous *Outcome
}

// Ranking shows the list, narrowed by the filter, to a caller who may see the
// branches that has names (nil = all).
func (v View) Ranking(f RankingFilter, language string, has func(branch string) bool) (Ranking, error) {
	r := v.current.ranking(v.previous, language)
	r.Source = v.source
	if has != nil {
		r = r.within(has)
	}
	return r.narrow(f)
}

// Scorecard shows one branch; detailed says whether the caller may see below the
// first level.
func (v View) Scorecard(branch, language string, detailed bool) (Scorecard, error) {
	r := v.current.find(branch)
	if r == nil {
		return Scorecard{}, fault.Missing(text.Text{ZH: "本周期的党组织", EN: "branch of this period"}, branch)
	}
	s := v.current.scorecard(r, v.previous, language, detailed)
	s.Source = v.source
	return s, nil
}

// Scheme is the one by which the figures were made.
func (v View) Scheme() *scheme.Compiled { return v.current.Scheme }
