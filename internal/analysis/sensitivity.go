package analysis

import (
	"bulwark/internal/fault"
	"bulwark/internal/index"
	"bulwark/internal/robustness"
	"bulwark/internal/text"
	"bulwark/internal/town"
	"bulwark/pkg/composite/stats"
)

// Sensitivity is which of the choices that could have been made otherwise move the ranking,
// and which each branch: Sobol indices.
type Sensitivity struct {
	index.Subject
	Seed         uint64  `json:"seed" example:"7"`
	Draws        int     `json:"draws" example:"1000"`         // each is computed once per source and twice more
	WeightSpread float64 `json:"weight_spread" example:"0.25"` // each weight times 1−f to 1+f
	Evaluators   bool    `json:"evaluators"`                   // ratings drawn again with replacement
	// codes of the ratios whose counts were drawn again by chance
	Counts       []string `json:"counts,omitempty"`
	Alternatives []string `json:"alternatives"` // of missing values, rules and aggregation, as the scheme lists them
	// what moves the ranking as a whole: the mean distance of a branch from its rank, in places
	Ranking Variance `json:"ranking"`
	// in the order of the ranking; of the branch that was asked for, otherwise of the first 200
	Items []BranchSensitivity `json:"items"`
}

// BranchSensitivity is what moves one branch.
type BranchSensitivity struct {
	Branch town.BranchRef `json:"branch"`
	Rank   Variance       `json:"rank"`
	Score  Variance       `json:"score"`
}

// Variance is how much a figure varies, and how that is divided among the sources.
type Variance struct {
	Mean     float64       `json:"mean"`
	Variance float64       `json:"variance"` // 0: the figure never varies, and no source has a share
	Sources  []SourceShare `json:"sources"`
}

// SourceShare is the share of one source in a variance: 0 to 1, but for the error of the estimate.
type SourceShare struct {
	Source        string   `json:"source" enums:"weights,ratings,missing,normalisation,aggregation,variant,chance"`
	First         float64  `json:"first"` // by itself
	FirstInterval Interval `json:"first_interval"`
	Total         float64  `json:"total"` // with all that it does together with others
	TotalInterval Interval `json:"total_interval"`
}

const (
	// mostBranches is of how many branches the sensitivity is computed at once.
	mostBranches = 200
	// fullDraws is up to how many branches the figures are drawn a thousand times; of more
	// branches, so much less often as to take the same time, which the answer states.
	fullDraws   = 400
	fewestDraws = 64
)

// Sensitivity divides the variance of ranks and scores among its sources. With a branch only
// that one is listed.
func (s *Study) Sensitivity(branch string) (*Sensitivity, error) {
	units := s.ranked()
	options := s.Options
	options.Ratings, options.Counts = s.Ratings, s.Counts
	draws := 1000
	if n := len(units); n > fullDraws {
		draws = max(draws*fullDraws/n, fewestDraws)
	}
	if branch != "" {
		units = units[:0]
		for _, standing := range s.Standings {
			if s.Values.Data.Units[standing.Unit] == branch {
				units = append(units, standing.Unit)
			}
		}
		if len(units) == 0 {
			return nil, fault.Missing(text.Text{ZH: "本周期的党组织", EN: "branch of this period"}, branch)
		}
	}
	units = units[:min(len(units), mostBranches)]
	found, err := s.Scheme.Index.Sensitivity(s.Values.Data, options,
		stats.SobolOptions{Seed: options.Seed, Rows: draws}, units)
	if err != nil {
		return nil, err
	}
	sources := make([]string, len(found.Sources))
	for i, source := range found.Sources {
		sources[i] = string(source)
	}
	out := &Sensitivity{
		Subject: s.Subject, Seed: options.Seed, Draws: draws, WeightSpread: options.WeightSpread,
		Evaluators: len(s.Ratings) > 0, Counts: robustness.CountedCodes(s.Scheme, s.Counts), Alternatives: s.Alternatives, Ranking: variance(found.Shift, sources),
		Items: []BranchSensitivity{},
	}
	for _, u := range found.Units {
		out.Items = append(out.Items, BranchSensitivity{
			Branch: s.branch(u.Unit), Rank: variance(u.Rank, sources), Score: variance(u.Score, sources),
		})
	}
	return out, nil
}

func variance(x stats.SobolIndices, sources []string) Variance {
	v := Variance{Mean: round(x.Mean), Variance: round(x.Variance), Sources: []SourceShare{}}
	for i, f := range x.Factors {
		v.Sources = append(v.Sources, SourceShare{
			Source: sources[i], First: round(f.First), FirstInterval: between(f.FirstLow, f.FirstHigh),
			Total: round(f.Total), TotalInterval: between(f.TotalLow, f.TotalHigh),
		})
	}
	return v
}
