package analysis

import (
	"strconv"

	"bulwark/internal/fault"
	"bulwark/internal/index"
	"bulwark/internal/scheme"
	"bulwark/internal/town"
	"bulwark/pkg/composite/stats"
)

// Variants is the ranking of a period as it would be by other schemes, side by side.
type Variants struct {
	index.Subject
	Supposed bool            `json:"supposed" example:"true"` // these are not the published figures
	Schemes  []Variant       `json:"schemes"`                 // in the order in which they were asked for
	Items    []VariantBranch `json:"items"`                   // in the order of the ranking, those without a score last
}

// Variant is one other scheme, and how far it moves the ranking.
type Variant struct {
	Scheme  scheme.Ref `json:"scheme"`
	Name    string     `json:"name"`
	Hash    string     `json:"hash"`    // SHA-256 of the document
	Missing []string   `json:"missing"` // indicators of which nothing was entered in this period
	Dropped []string   `json:"dropped"` // approved adjustments that this scheme does not know

	RankChange    float64  `json:"rank_change"`         // mean places, up or down, of the branches with both ranks
	MaxRankChange int      `json:"max_rank_change"`     // places
	Agreement     *float64 `json:"agreement,omitempty"` // of the ranks of both: Kendall's τ-b; absent where it is not defined
	GradesChanged int      `json:"grades_changed"`      // branches
	Insufficient  int      `json:"insufficient"`        // branches without a score
}

// VariantBranch is one branch with its figures and those by each other scheme.
type VariantBranch struct {
	Branch town.BranchRef `json:"branch"`
	VariantFigures
	Variants []VariantFigures `json:"variants"` // in the order of the schemes
}

// VariantFigures are what a branch has by one scheme. All are absent without a score.
type VariantFigures struct {
	Score *float64 `json:"score,omitempty"`
	Rank  *int     `json:"rank,omitempty"`
	Grade string   `json:"grade,omitempty"`
}

// Variants scores the entries of the period by each of the schemes.
func (s *Study) Variants(schemes []*scheme.Compiled) (Variants, error) {
	out := Variants{Subject: s.Subject, Supposed: true, Schemes: []Variant{}, Items: []VariantBranch{}}
	place := map[string]int{}
	for _, r := range s.view.Figures() {
		place[r.BranchCode] = len(out.Items)
		out.Items = append(out.Items, VariantBranch{
			Branch: s.view.Branch(r.BranchCode, s.language), VariantFigures: figures(&r),
			Variants: make([]VariantFigures, len(schemes)),
		})
	}
	for i, c := range schemes {
		under, unfilled, dropped, err := s.view.Under(c)
		if err != nil {
			return Variants{}, fault.Below(err, "/schemes/"+strconv.Itoa(i))
		}
		for _, r := range under.Figures() {
			if at, ok := place[r.BranchCode]; ok {
				out.Items[at].Variants[i] = figures(&r)
			}
		}
		v := Variant{
			Scheme: c.Document.Ref(), Name: c.Document.Name.In(s.language), Hash: c.Hash,
			Missing: append([]string{}, unfilled...), Dropped: append([]string{}, dropped...),
		}
		v.compare(out.Items, i)
		out.Schemes = append(out.Schemes, v)
	}
	return out, nil
}

func figures(r *index.Result) VariantFigures {
	f := VariantFigures{Score: r.Score, Rank: r.Rank}
	if r.Grade != nil {
		f.Grade = *r.Grade
	}
	return f
}

// compare sets how far the i-th scheme moves the ranking.
func (v *Variant) compare(items []VariantBranch, i int) {
	var before, after []float64
	sum := 0
	for _, b := range items {
		then := b.Variants[i]
		if then.Rank == nil {
			v.Insufficient++
			continue
		}
		if b.Rank == nil {
			continue
		}
		before, after = append(before, float64(*b.Rank)), append(after, float64(*then.Rank))
		places := max(*b.Rank-*then.Rank, *then.Rank-*b.Rank)
		sum += places
		v.MaxRankChange = max(v.MaxRankChange, places)
		if b.Grade != then.Grade {
			v.GradesChanged++
		}
	}
	if n := len(before); n > 0 {
		v.RankChange = round(float64(sum) / float64(n))
	}
	if tau, ok := stats.Kendall(before, after); ok {
		v.Agreement = new(round(tau))
	}
}
