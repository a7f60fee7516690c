package index

import (
	"encoding/csv"
	"slices"
	"strconv"
	"strings"

	"bulwark/pkg/composite/stats"

	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/scheme"
	"bulwark/internal/text"
	"bulwark/internal/town"
)

// Ranking is the published list of a period. Figures are rounded as
// the scheme does; ranks are made from the rounded score.
type Ranking struct {
	Town   string `json:"town" example:"demo"`
	Period string `json:"period" example:"2023Q3"`
	Status string `json:"status" enums:"provisional,published,final,withdrawn"`
	Run    string `json:"run,omitempty" format:"uuid"` // absent while provisional
	Source
	Scheme       scheme.Ref     `json:"scheme"`
	Scale        float64        `json:"scale" example:"100"` // the highest possible score
	Items        []Ranked       `json:"items"`
	Insufficient []Insufficient `json:"insufficient"`
}

// Ranked is one branch with a score.
type Ranked struct {
	Period string   `json:"period" example:"2023Q3"`
	EndsOn day.Date `json:"ends_on" swaggertype:"string" format:"date"` // of the period
	// ranks are absent where the caller does not see every branch yet
	Rank       int                `json:"rank,omitempty,omitzero" example:"1"`
	ClassRank  int                `json:"class_rank,omitempty,omitzero" example:"1"`
	Branch     town.BranchRef     `json:"branch"`
	Score      float64            `json:"score" example:"91.42"`
	Grade      string             `json:"grade,omitempty" example:"excellent"`
	Coverage   float64            `json:"coverage" example:"1"`
	Status     string             `json:"status" enums:"scored"`
	Interval   *RankInterval      `json:"rank_interval,omitempty"` // absent until it is known; see robustness
	Change     *RankChange        `json:"change,omitempty"`        // against the published period of the same kind before
	Dimensions map[string]float64 `json:"dimensions"`              // scores of the first level, those there are
}

// RankChange is the difference to the period before, now minus then. A rise has a
// positive score and a negative rank.
type RankChange struct {
	Score float64 `json:"score" example:"2.1"` // points more than before
	// places: −4 is four places up, from rank 7 to rank 3; absent without a rank
	Rank *int `json:"rank,omitempty" example:"-4"`
}

// Insufficient is one branch without a score.
type Insufficient struct {
	Period   string         `json:"period" example:"2023Q3"`
	EndsOn   day.Date       `json:"ends_on" swaggertype:"string" format:"date"` // of the period
	Branch   town.BranchRef `json:"branch"`
	Status   string         `json:"status" enums:"insufficient,failed"`
	Coverage float64        `json:"coverage" example:"0.61"`
	Missing  []string       `json:"missing"` // indicators that apply and were not entered
}

// RankingFilter narrows a ranking; zero fields do not.
type RankingFilter struct {
	Class  string
	Around string // a branch: only the places up to Span above and below it
	Span   int
}

// Ranking shows the list, narrowed by the filter.
func (v View) Ranking(f RankingFilter, language string) (Ranking, error) {
	r := v.current.ranking(v.previous, language)
	r.Source = v.source
	return r.narrow(f)
}

// ranking shows the outcome; before, where not nil, is that of the period before.
func (o *Outcome) ranking(before *Outcome, language string) Ranking {
	r := Ranking{
		Town: o.Period.TownID, Period: o.Period.Code, Status: o.status(), Items: []Ranked{}, Insufficient: []Insufficient{},
		Scheme: o.Scheme.Document.Ref(), Scale: o.Scheme.Document.FullScore(),
	}
	if o.Run != nil {
		r.Run = o.Run.ID
	}
	then := map[string]*Result{}
	if before != nil {
		then = before.byBranch()
	}
	intervals := o.rankIntervals()
	for i := range o.Results {
		result := &o.Results[i]
		if result.Score == nil {
			r.Insufficient = append(r.Insufficient, Insufficient{
				Period: o.Period.Code, EndsOn: o.Period.EndsOn,
				Branch: result.ref(language), Status: result.Status,
				Coverage: stats.Round(result.Coverage, 4), Missing: result.missing(),
			})
			continue
		}
		r.Items = append(r.Items, o.ranked(result, then[result.BranchCode], intervals[result.BranchCode], language))
	}
	return r
}

func (o *Outcome) ranked(r, then *Result, interval *RankInterval, language string) Ranked {
	return Ranked{
		Period: o.Period.Code, EndsOn: o.Period.EndsOn,
		Rank: place(r.Rank), ClassRank: place(r.ClassRank), Branch: r.ref(language), Score: *r.Score, Grade: word(r.Grade),
		Coverage: stats.Round(r.Coverage, 4), Status: r.Status, Change: o.change(r, then), Interval: interval,
		Dimensions: o.dimensions(r),
	}
}

// rankIntervals are the ranges of ranks by branch, none while they are not known.
func (o *Outcome) rankIntervals() map[string]*RankInterval {
	intervals := map[string]*RankInterval{}
	if o.robustness != nil {
		for _, r := range o.robustness.Items {
			intervals[r.Branch] = &r.RankInterval
		}
	}
	return intervals
}

func (r *Result) ref(language string) town.BranchRef {
	return town.BranchRef{Code: r.BranchCode, Name: r.Name.In(language), Kind: r.Kind, Class: word(r.Class)}
}

func word(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// rounded is a figure as it is shown.
func rounded(x *float64, decimals int) *float64 {
	if x == nil {
		return nil
	}
	y := stats.Round(*x, decimals)
	return &y
}

// change compares published figures, so it is what a reader gets who subtracts.
func (o *Outcome) change(now, then *Result) *RankChange {
	if now.Score == nil || then == nil || then.Score == nil {
		return nil
	}
	c := &RankChange{Score: stats.Round(*now.Score-*then.Score, o.Scheme.Document.Decimals)}
	if now.Rank != nil && then.Rank != nil {
		c.Rank = new(*now.Rank - *then.Rank)
	}
	return c
}

// place returns a rank, 0 for none.
func place(rank *int) int {
	if rank == nil {
		return 0
	}
	return *rank
}

// placeCell returns a rank for a table, empty for none.
func placeCell(rank int) string {
	if rank == 0 {
		return ""
	}
	return strconv.Itoa(rank)
}

func (o *Outcome) dimensions(r *Result) map[string]float64 {
	scores := map[string]float64{}
	for i, info := range o.Scheme.Index.Nodes() {
		if info.Depth == 1 && i < len(r.Nodes) && r.Nodes[i].Score != nil {
			scores[info.Code] = stats.Round(*r.Nodes[i].Score, o.Scheme.Document.Decimals)
		}
	}
	return scores
}

// narrow applies the filter. Ranks stay those of the whole list.
func (r Ranking) narrow(f RankingFilter) (Ranking, error) {
	if f.Class != "" {
		r.Items = slices.DeleteFunc(slices.Clone(r.Items), func(i Ranked) bool { return i.Branch.Class != f.Class })
		r.Insufficient = slices.DeleteFunc(slices.Clone(r.Insufficient), func(i Insufficient) bool {
			return i.Branch.Class != f.Class
		})
	}
	if f.Around == "" {
		return r, nil
	}
	at := slices.IndexFunc(r.Items, func(i Ranked) bool { return i.Branch.Code == f.Around })
	if at < 0 {
		return Ranking{}, fault.NotFound("not_ranked",
			"“%s”不在此排名中", "%q is not in this ranking", f.Around)
	}
	r.Items = r.Items[max(0, at-f.Span):min(len(r.Items), at+f.Span+1)]
	r.Insufficient = []Insufficient{}
	return r, nil
}

// RankingCSV writes a ranking for a spreadsheet: the ranked branches and then those
// without score, in UTF-8 with a byte order mark, and no cell that a spreadsheet
// would run as a formula. Where scores are not out of 100, a column has the scale.
func (v View) RankingCSV(r Ranking) []byte {
	dimensions, scale := v.current.columns(), []string{}
	if r.Scale != 100 { // scores out of 100 have no column that says so
		scale = []string{exact(&r.Scale)}
	}
	var b strings.Builder
	b.WriteString("\ufeff")
	w := csv.NewWriter(&b)
	write := func(row []string) { _ = w.Write(row) } // a strings.Builder never fails
	heads := []string{"scale"}[:len(scale)]
	write(slices.Concat([]string{
		"period", "ends_on", "rank", "class_rank", "branch", "name", "kind", "class",
		"score", "grade", "coverage", "status", "change_score", "change_rank",
	}, heads, dimensions))
	for _, i := range r.Items {
		row := []string{
			text.Inert(i.Period), string(i.EndsOn), placeCell(i.Rank), placeCell(i.ClassRank),
			text.Inert(i.Branch.Code), text.Inert(i.Branch.Name), text.Inert(i.Branch.Kind), text.Inert(i.Branch.Class),
			exact(&i.Score), text.Inert(i.Grade), exact(&i.Coverage), i.Status, "", "",
		}
		if i.Change != nil {
			row[12], row[13] = exact(&i.Change.Score), whole(i.Change.Rank)
		}
		row = append(row, scale...)
		for _, d := range dimensions {
			cell := ""
			if x, ok := i.Dimensions[d]; ok {
				cell = exact(&x)
			}
			row = append(row, cell)
		}
		write(row)
	}
	for _, i := range r.Insufficient {
		row := []string{
			text.Inert(i.Period), string(i.EndsOn), "", "",
			text.Inert(i.Branch.Code), text.Inert(i.Branch.Name), text.Inert(i.Branch.Kind), text.Inert(i.Branch.Class),
			"", "", exact(&i.Coverage), i.Status, "", "",
		}
		write(slices.Concat(row, scale, make([]string, len(dimensions))))
	}
	w.Flush()
	return []byte(b.String())
}

// columns lists the first level of the tree, for exports.
func (o *Outcome) columns() []string {
	var codes []string
	for _, info := range o.Scheme.Index.Nodes() {
		if info.Depth == 1 {
			codes = append(codes, info.Code)
		}
	}
	return codes
}
