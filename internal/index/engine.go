package index

import (
	"slices"
	"strings"

	"bulwark/internal/proposal"
	"bulwark/pkg/composite"
)

// otherEngines is an amendment of what another engine computed. A branch whose figures the
// corrections do not change keeps them as they were published: nobody's score moves because
// the program was updated.
type otherEngines struct {
	base  *Outcome        // as published
	again *Outcome        // of the same data, by this engine
	named map[string]bool // branches that the corrections name
}

// keep puts the published figures back for each branch that no correction names and whose
// figures, by this engine, the corrections leave as they are, and ranks again.
func (a *otherEngines) keep(o *Outcome) {
	published, again := a.base.byBranch(), a.again.byBranch()
	for i := range o.Results {
		r := &o.Results[i]
		old, same := published[r.BranchCode], again[r.BranchCode]
		if a.named[r.BranchCode] || old == nil || same == nil || !r.sameFigures(same) {
			continue
		}
		kept := *old
		kept.Nodes = slices.Clone(old.Nodes)
		if !equal(r.Grade, same.Grade) { // the corrections have changed who has a place in a quota
			kept.Grade = r.Grade
		}
		kept.lowestOf(r, same)
		*r = kept
	}
	o.rankAgain()
}

// lowestOf takes over the figures with missing values at the lowest of their class where the
// corrections have changed what is lowest.
func (r *Result) lowestOf(corrected, before *Result) {
	if !equal(corrected.ScoreAtLowest, before.ScoreAtLowest) {
		r.ScoreAtLowest = corrected.ScoreAtLowest
	}
	for n := range min(len(r.Nodes), len(corrected.Nodes), len(before.Nodes)) {
		if !equal(corrected.Nodes[n].ScoreAtLowest, before.Nodes[n].ScoreAtLowest) {
			r.Nodes[n].ScoreAtLowest = corrected.Nodes[n].ScoreAtLowest
		}
	}
}

// sameFigures reports whether all of the branch but rank and grade is the same to the bit.
func (r *Result) sameFigures(s *Result) bool {
	if r.Status != s.Status || r.Coverage != s.Coverage || !equal(r.Base, s.Base) || !equal(r.Score, s.Score) ||
		r.Bonus != s.Bonus || r.Deduction != s.Deduction || r.Vetoes != s.Vetoes {
		return false
	}
	return slices.EqualFunc(r.Nodes, s.Nodes, func(a, b NodeResult) bool {
		return a.NodeCode == b.NodeCode && a.Status == b.Status && equal(a.Raw, b.Raw) && equal(a.Level, b.Level) &&
			equal(a.Score, b.Score) && equal(a.Coverage, b.Coverage)
	})
}

// rankAgain orders the results by score and code, and sets place and ranks.
func (o *Outcome) rankAgain() {
	slices.SortFunc(o.Results, func(a, b Result) int {
		switch {
		case a.Score == nil && b.Score == nil || a.Score != nil && b.Score != nil && *a.Score == *b.Score:
			return strings.Compare(a.BranchCode, b.BranchCode)
		case b.Score == nil || a.Score != nil && *a.Score > *b.Score:
			return -1
		}
		return 1
	})
	overall, within := composite.Ranker{Ranking: o.Scheme.Document.Ranking}, map[string]*composite.Ranker{}
	for i := range o.Results {
		r := &o.Results[i]
		if r.Position = i; r.Score == nil {
			continue
		}
		class := word(r.Class)
		if within[class] == nil {
			within[class] = &composite.Ranker{Ranking: o.Scheme.Document.Ranking}
		}
		r.Rank, r.ClassRank = new(overall.Next(*r.Score)), new(within[class].Next(*r.Score))
	}
}

// addTo returns the branches that an amendment touches with what this engine alone would
// have made of each, and after them those that it alone would have changed.
func (a *otherEngines) addTo(touched []proposal.Touched) []proposal.Touched {
	alone := map[string]*proposal.Touched{}
	engine := a.base.touchedBy(a.again)
	for i := range engine {
		alone[engine[i].Branch] = &engine[i]
	}
	for i := range touched {
		if t := alone[touched[i].Branch]; t != nil {
			touched[i].ByEngine = &t.Now
			delete(alone, touched[i].Branch)
		}
	}
	for _, t := range engine {
		if alone[t.Branch] != nil {
			touched = append(touched, proposal.Touched{
				Branch: t.Branch, Name: t.Name, Before: t.Before, Now: t.Before, ByEngine: &t.Now,
			})
		}
	}
	return touched
}
