package index

import (
	"cmp"
	"context"
	"slices"

	"gorm.io/gorm"

	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/scheme"
	"bulwark/internal/town"
	"bulwark/pkg/composite"
	"bulwark/pkg/composite/stats"
)

// Rankings put the branches of all towns of an area side by side, as far as they
// can be compared: scores by different schemes cannot, so each scheme has a list of
// its own.
type Rankings struct {
	Area   string         `json:"area" example:"999999"`
	Period string         `json:"period" example:"2023Q2"`
	Towns  []TownStatus   `json:"towns"`  // of the area, as far as the caller may know them, in the order of codes
	Groups []RankingGroup `json:"groups"` // the largest first
}

// TownStatus is whether a town is in the rankings.
type TownStatus struct {
	Code        string `json:"code" example:"demo"`
	Name        string `json:"name" example:"演示镇"`
	Status      string `json:"status" enums:"not_published,published,final"`
	Run         string `json:"run,omitempty" format:"uuid"`
	Publication int64  `json:"publication,omitempty,omitzero" example:"1"`
}

// RankingGroup ranks the branches that were scored alike: by the same tree, weights, rules
// and policies.
type RankingGroup struct {
	Scheme      scheme.Ref `json:"scheme"`       // of the first town
	ScoringHash string     `json:"scoring_hash"` // of what scores in the scheme, the same for every town of the group
	// relative: a rule is fitted to the branches of each town
	Ruler        Ruler            `json:"ruler" swaggertype:"string" enums:"same,relative"`
	Towns        []string         `json:"towns" example:"demo"`
	Items        []RankedInTown   `json:"items"`        // by rank, then town and code
	Insufficient map[string]int64 `json:"insufficient"` // branches without a score, by town
	ties         composite.RankingKind
	first        *Outcome
}

// RankedInTown is one branch among those of several towns. Rank and class rank are
// those of the group; classes of the same code count as one class.
type RankedInTown struct {
	Period    string         `json:"period" example:"2023Q3"`
	EndsOn    day.Date       `json:"ends_on" swaggertype:"string" format:"date"` // of the period
	Rank      int            `json:"rank" example:"1"`
	ClassRank int            `json:"class_rank" example:"1"`
	Town      string         `json:"town" example:"demo"`
	TownRank  int            `json:"town_rank" example:"1"` // in the ranking of the own town
	Branch    town.BranchRef `json:"branch"`
	Score     float64        `json:"score" example:"91.42"`
	Grade     string         `json:"grade,omitempty" example:"excellent"`
	Coverage  float64        `json:"coverage" example:"1"`
}

// RankingsQuery selects the rankings of the towns of an area. Class and Kind, where
// not empty, narrow the lists; ranks stay those of the whole group.
type RankingsQuery struct {
	Area, Period, Language string
	Class, Kind            string
}

// Rankings ranks what the towns have published for the period of the code. It reads
// the database once for each town whose publications are not in memory.
func (c *ResultCache) Rankings(
	ctx context.Context, db *gorm.DB, towns []town.Town, q RankingsQuery,
) (_ Rankings, err error) {
	defer fault.Wrap(&err, "rankings")
	all := Rankings{Area: q.Area, Period: q.Period, Towns: make([]TownStatus, len(towns)), Groups: []RankingGroup{}}
	for i, t := range towns {
		all.Towns[i] = TownStatus{Code: t.Code, Name: t.Name.In(q.Language), Status: "not_published"}
		o, p, err := c.publishedOutcome(ctx, db, t.Code, q.Period, 0)
		if fault.Is(err, fault.KindNotFound) {
			continue
		}
		if err != nil {
			return Rankings{}, err
		}
		all.Towns[i].Status, all.Towns[i].Run, all.Towns[i].Publication = o.status(), p.RunID, p.Number
		all.group(o).add(o, q.Language)
	}
	for i := range all.Groups {
		all.Groups[i].rank(q)
	}
	slices.SortStableFunc(all.Groups, func(a, b RankingGroup) int { return cmp.Compare(len(b.Towns), len(a.Towns)) })
	return all, nil
}

// group returns the list of the results that o can be compared with, and adds it where there
// is none yet.
func (r *Rankings) group(o *Outcome) *RankingGroup {
	for i := range r.Groups {
		g := &r.Groups[i]
		if ruler := o.ruler(g.first); ruler != OtherScheme {
			if ruler == RelativeRuler {
				g.Ruler = ruler
			}
			return g
		}
	}
	r.Groups = append(r.Groups, RankingGroup{
		Scheme: o.Scheme.Document.Ref(), ScoringHash: o.Scheme.Scoring, Ruler: SameRuler, first: o,
		Items: []RankedInTown{}, Insufficient: map[string]int64{}, ties: o.Scheme.Document.Ranking,
	})
	return &r.Groups[len(r.Groups)-1]
}

func (g *RankingGroup) add(o *Outcome, language string) {
	code := o.Period.TownID
	g.Towns = append(g.Towns, code)
	for i := range o.Results {
		r := &o.Results[i]
		if r.Score == nil {
			g.Insufficient[code]++
			continue
		}
		g.Items = append(g.Items, RankedInTown{
			Period: o.Period.Code, EndsOn: o.Period.EndsOn,
			Town: code, TownRank: *r.Rank, Branch: r.ref(language), Score: *r.Score, Grade: word(r.Grade),
			Coverage: stats.Round(r.Coverage, 4),
		})
	}
}

// rank orders the list by the published scores, with ties as the scheme ranks
// them, and then leaves out what the query does not ask for.
func (g *RankingGroup) rank(q RankingsQuery) {
	slices.SortFunc(g.Items, func(a, b RankedInTown) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Town, b.Town), cmp.Compare(a.Branch.Code, b.Branch.Code))
	})
	all, classes := &composite.Ranker{Ranking: g.ties}, map[string]*composite.Ranker{}
	for i := range g.Items {
		item := &g.Items[i]
		class := item.Branch.Class
		if classes[class] == nil {
			classes[class] = &composite.Ranker{Ranking: g.ties}
		}
		item.Rank, item.ClassRank = all.Next(item.Score), classes[class].Next(item.Score)
	}
	g.Items = slices.DeleteFunc(g.Items, func(i RankedInTown) bool {
		return q.Class != "" && i.Branch.Class != q.Class || q.Kind != "" && i.Branch.Kind != q.Kind
	})
}
