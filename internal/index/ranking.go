package index

import (
	"slices"
	"strings"

	"bulwark/pkg/composite/stats"

	"bulwark/internal/day"
	"bulwark/internal/evaluation"
	"bulwark/internal/fault"
	"bulwark/internal/robustness"
	"bulwark/internal/scheme"
	"bulwark/internal/spreadsheet"
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
	Scheme scheme.Ref `json:"scheme"`
	Scale  float64    `json:"scale" example:"100"` // the highest possible score
	// what changes are counted from, kept with the publication; absent where nothing was published before
	From         *Compared              `json:"from,omitempty"`
	Items        []Ranked               `json:"items"`
	Insufficient []Insufficient         `json:"insufficient"`
	Ended        []evaluation.BranchEnd `json:"ended"` // branches that ended since, and are scored no more
}

// Ranked is one branch with a score.
type Ranked struct {
	Period string   `json:"period" example:"2023Q3"`
	EndsOn day.Date `json:"ends_on" swaggertype:"string" format:"date"` // of the period
	// ranks are absent where the caller does not see every branch yet
	Rank      int                      `json:"rank,omitempty,omitzero" example:"1"`
	ClassRank int                      `json:"class_rank,omitempty,omitzero" example:"1"`
	Branch    town.BranchRef           `json:"branch"`
	Score     float64                  `json:"score" example:"91.42"`
	Grade     string                   `json:"grade,omitempty" example:"excellent"`
	Coverage  float64                  `json:"coverage" example:"1"`
	Status    string                   `json:"status" enums:"scored"`
	Interval  *robustness.RankInterval `json:"rank_interval,omitempty"` // absent until it is known, and in a cited publication; see robustness
	RankSet   *robustness.RankInterval `json:"rank_set,omitempty"`      // likewise; together with those of all other branches
	Comparison
	Dimensions map[string]float64 `json:"dimensions"` // scores of the first level, those there are
}

// RankChange is the difference to the publication that changes are counted from, now minus
// then. A rise has a positive score and a negative rank.
type RankChange struct {
	// relative: by the same rules, fitted to other values
	Ruler Ruler   `json:"ruler" swaggertype:"string" enums:"same,relative"`
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

// Judged returns the ranking as rules about people judge it: a branch with missing values
// has the lower of its score and of that with every missing value at the lowest of its class,
// in each dimension likewise, the grade of that score, and the deeper of the two falls.
// Places are those of the ranking.
func (v View) Judged() Ranking {
	r, o := v.ranking(""), v.current
	results := o.byBranch()
	for i := range r.Items {
		item := &r.Items[i]
		result := results[item.Branch.Code]
		if result.ScoreAtLowest == nil && item.Change == nil {
			continue
		}
		item.Score = min(item.Score, *result.lowest())
		item.Grade = o.worse(item.Grade, item.Score)
		if item.Change != nil {
			then := v.before.outcome.find(item.Branch.Code)
			item.Change.Score = min(item.Change.Score, o.decimal(*result.lowest()-*then.lowest()))
		}
		for n, info := range o.Scheme.Index.Nodes() {
			if info.Depth != 1 || n >= len(result.Nodes) || result.Nodes[n].ScoreAtLowest == nil {
				continue
			}
			low := o.decimal(*result.Nodes[n].ScoreAtLowest)
			if score, there := item.Dimensions[info.Code]; !there || low < score {
				item.Dimensions[info.Code] = low
			}
		}
	}
	return r
}

// worse returns the worse of a grade and of that of a score.
func (o *Outcome) worse(grade string, score float64) string {
	grades := o.Scheme.Document.Grades
	at := slices.IndexFunc(grades, func(g scheme.Grade) bool { return g.Code == grade })
	for i, g := range grades {
		if score >= g.From || i == len(grades)-1 {
			return grades[max(i, at)].Code
		}
	}
	return grade
}

// Ranking shows the list, narrowed by the filter. That of a cited publication holds nothing
// that changes after it but its own withdrawal: its state, its notices and what replaced it
// are read with the publication, rank intervals with its robustness.
func (v View) Ranking(f RankingFilter, language string) (Ranking, error) {
	r := v.ranking(language)
	if v.cited {
		if v.source.Withdrawn == nil {
			r.Status = string(evaluation.Published)
		}
		r.Source = Source{
			Publication: v.source.Publication, OnePerson: v.source.OnePerson, Forced: v.source.Forced, Withdrawn: v.source.Withdrawn,
		}
		if r.From != nil {
			r.From.Withdrawn = false
		}
		for i := range r.Items {
			r.Items[i].Interval = nil
		}
	}
	return r.narrow(f)
}

// ranking shows the whole list.
func (v View) ranking(language string) Ranking {
	o := v.current
	r := Ranking{
		Town: o.Period.TownID, Period: o.Period.Code, Status: o.status(), Items: []Ranked{}, Insufficient: []Insufficient{},
		Scheme: o.Scheme.Document.Ref(), Scale: o.Scheme.Document.FullScore(), Source: v.source, From: v.before.compared(o),
		Ended: evaluation.InLanguage(v.before.ended, language),
	}
	if o.Run != nil {
		r.Run = o.Run.ID
	}
	ranges := o.ranges()
	for i := range o.Results {
		result := &o.Results[i]
		if result.Score == nil {
			r.Insufficient = append(r.Insufficient, Insufficient{
				Period: o.Period.Code, EndsOn: o.Period.EndsOn,
				Branch: result.ref(language), Status: result.Status,
				Coverage: stats.Round(result.Coverage, 4), Missing: result.Missing(),
			})
			continue
		}
		r.Items = append(r.Items, v.ranked(result, ranges[result.BranchCode], language))
	}
	return r
}

func (v View) ranked(r *Result, ranges *robustness.Ranges, language string) Ranked {
	o := v.current
	row := Ranked{
		Period: o.Period.Code, EndsOn: o.Period.EndsOn,
		Rank: place(r.Rank), ClassRank: place(r.ClassRank), Branch: r.ref(language), Score: *r.Score, Grade: word(r.Grade),
		Coverage: stats.Round(r.Coverage, 4), Status: r.Status, Comparison: o.compare(r, v.before), Dimensions: o.dimensions(r),
	}
	if ranges != nil {
		row.Interval, row.RankSet = &ranges.RankInterval, ranges.RankSet
	}
	return row
}

// ranges are the ranges of ranks by branch, none while they are not known.
func (o *Outcome) ranges() map[string]*robustness.Ranges {
	list := map[string]*robustness.Ranges{}
	if o.robustness != nil {
		for i := range o.robustness.Items {
			list[o.robustness.Items[i].Code] = &o.robustness.Items[i].Ranges
		}
	}
	return list
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

// decimal returns a difference of published figures with the decimals of the scheme.
func (o *Outcome) decimal(x float64) float64 { return stats.Round(x, o.Scheme.Document.Decimals) }

// change compares published figures of two results that have some, so it is what a reader
// gets who subtracts.
func (o *Outcome) change(now, then *Result) *RankChange {
	c := &RankChange{Score: o.decimal(*now.Score - *then.Score)}
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
		r.Ended = slices.DeleteFunc(slices.Clone(r.Ended), func(e evaluation.BranchEnd) bool { return e.Branch.Class != f.Class })
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
	r.Insufficient, r.Ended = []Insufficient{}, []evaluation.BranchEnd{}
	return r, nil
}

// RankingTable returns a ranking as a table: the ranked branches, then those without score,
// then those that ended. Where scores are not out of 100, a column has the scale.
func (v View) RankingTable(r Ranking, language string) spreadsheet.Table {
	t := spreadsheet.Table{Name: text.F("排名", "ranking").In(language), Columns: spreadsheet.ColumnsOf(
		"town", "period", "ends_on", "publication", "run", "rank", "class_rank", "rank_from", "rank_to",
		"branch", "branch_name", "kind", "class", "score", "grade", "grade_name", "coverage", "status",
		"change_score", "change_rank", "ruler", "from_period", "from_publication", "merged", "left_out",
	)}
	if r.Scale != 100 { // scores out of 100 have no column that says so
		t.Columns = append(t.Columns, spreadsheet.Column{Code: "scale"})
	}
	dimensions := map[string]int{}
	for _, info := range v.current.Scheme.Index.Nodes() {
		if info.Depth == 1 {
			dimensions[info.Code] = len(t.Columns)
			t.Columns = append(t.Columns, spreadsheet.Column{Code: info.Code, Name: v.current.Scheme.NodeName(info.Code, language)})
		}
	}
	row := func(branch town.BranchRef, status string) func(code string, cell any) {
		set := t.Add()
		set("town", r.Town)
		set("period", r.Period)
		set("ends_on", v.current.Period.EndsOn)
		if r.Publication > 0 {
			set("publication", r.Publication)
		}
		set("run", r.Run)
		set("branch", branch.Code)
		set("branch_name", branch.Name)
		set("kind", branch.Kind)
		set("class", branch.Class)
		set("status", status)
		if r.Scale != 100 {
			set("scale", r.Scale)
		}
		return set
	}
	for _, i := range r.Items {
		set := row(i.Branch, i.Status)
		if i.Rank > 0 {
			set("rank", int64(i.Rank))
			set("class_rank", int64(i.ClassRank))
		}
		if i.Interval != nil {
			set("rank_from", int64(i.Interval.Low))
			set("rank_to", int64(i.Interval.High))
		}
		set("score", i.Score)
		set("grade", i.Grade)
		set("grade_name", v.current.gradeName(i.Grade, language))
		set("coverage", i.Coverage)
		set("merged", strings.Join(i.Merged, "; "))
		if i.LeftOut {
			set("left_out", true)
		}
		var ruler Ruler
		if i.Change != nil {
			ruler = i.Change.Ruler
			set("change_score", i.Change.Score)
			if i.Change.Rank != nil {
				set("change_rank", int64(*i.Change.Rank))
			}
		}
		if i.OtherScheme {
			ruler = OtherScheme
		}
		if ruler != "" {
			set("ruler", string(ruler))
			if r.From != nil {
				set("from_period", r.From.Period)
				set("from_publication", r.From.Publication)
			}
		}
		cells := t.Rows[len(t.Rows)-1]
		for code, score := range i.Dimensions {
			cells[dimensions[code]] = score
		}
	}
	for _, i := range r.Insufficient {
		row(i.Branch, i.Status)("coverage", i.Coverage)
	}
	for _, e := range r.Ended {
		status := "closed"
		if e.Into != "" {
			status = "merged"
		}
		row(e.Branch, status)("merged", e.Into)
	}
	return t
}
