package composite

import "bulwark/pkg/composite/stats"

// Treatment holds back outliers of a column by Winsorisation before its peers are
// measured. A column passes if |skewness| < Skew or excess kurtosis < Kurtosis,
// both of type 2. While it does not, the largest value (the smallest, where
// skewness is negative) is set to the next one inward, and the column is tested
// again. Equal values move together; a step that would move more than MaxPoints
// values in all, or leave the column constant, is not taken. Fewer than four
// values, or equal ones, always pass.
type Treatment struct {
	Kind      string   `json:"kind"`                 // "winsorise"
	MaxPoints *int     `json:"max_points,omitempty"` // 5
	Skew      *float64 `json:"skew,omitempty"`       // 2
	Kurtosis  *float64 `json:"kurtosis,omitempty"`   // 3.5
}

func (t *Treatment) resolve() *Treatment {
	if t == nil {
		return nil
	}
	return &Treatment{t.Kind, or(t.MaxPoints, 5), or(t.Skew, 2), or(t.Kurtosis, 3.5)}
}

func (t *Treatment) check(rule Rule, r report) {
	if t.Kind != "winsorise" {
		r("/kind", "unknown_treatment", "%q is not a treatment: use winsorise", t.Kind)
	}
	if *t.MaxPoints < 0 {
		r("/max_points", "negative", "give 0 or more points")
	}
	if reportValue(r, "/skew", *t.Skew) && *t.Skew < 0 {
		r("/skew", "negative", "give a limit of 0 or more")
	}
	reportValue(r, "/kurtosis", *t.Kurtosis)
	if rule != nil && rule.Kind() == "levels" {
		r("", "treatment_needs_numbers", "levels have no outliers: remove the treatment")
	}
}

// Winsorise treats one column as t does in a tree; an empty Kind will do. A column
// that passes, is constant or has fewer than four values is Untreated. The error is
// of type Faults.
func (t Treatment) Winsorise(x []float64) (*stats.TreatedColumn, error) {
	limits, err := t.checkedLimits()
	if err != nil {
		return nil, err
	}
	return limits.Winsorise(x), nil
}

// Treat tries Winsorise and, where the column does not pass then, a logarithm; see
// OutlierLimits.Treat. The error is of type Faults.
func (t Treatment) Treat(x []float64) (*stats.TreatedColumn, error) {
	limits, err := t.checkedLimits()
	if err != nil {
		return nil, err
	}
	return limits.Treat(x), nil
}

// checkedLimits are those of t with its defaults, or its faults.
func (t *Treatment) checkedLimits() (stats.OutlierLimits, error) {
	t = t.resolve()
	fill(&t.Kind, string(stats.Winsorised))
	if faults := collect(func(r report) { t.check(nil, r) }); len(faults) > 0 {
		return stats.OutlierLimits{}, faults
	}
	return t.limits(), nil
}

// limits of a resolved treatment.
func (t *Treatment) limits() stats.OutlierLimits {
	return stats.OutlierLimits{MaxPoints: *t.MaxPoints, Skew: *t.Skew, Kurtosis: *t.Kurtosis}
}
