package exchange

import (
	"context"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/evaluation"
	"bulwark/pkg/composite/stats"
)

// fewestRaters is how many branches must have rated something before anybody is
// told what their ratings come to.
const fewestRaters = 3

// Usefulness is what the branches found of one thing in one period: only of final
// periods, in which no rating changes any more, so that nobody learns who gave which
// by watching the figures move.
type Usefulness struct {
	Period       string   `json:"period" example:"2023Q2"`
	Kind         string   `json:"kind" enums:"case,mentor,measure,event,study_visit"`
	Subject      string   `json:"subject" example:"mentor-1"`
	TooFew       bool     `json:"too_few"`                                    // fewer than 3 branches rated it: no figures
	Raters       *int64   `json:"raters,omitempty" example:"9"`               // branches that rated it
	Mean         *float64 `json:"mean,omitempty" example:"4.33"`              // 1 to 5
	Distribution []int64  `json:"distribution,omitempty" example:"0,0,1,4,4"` // raters who gave 1, 2, 3, 4, 5
}

// UsefulnessFilter narrows a list; zero fields do not. After are period, kind and
// subject of the last one before.
type UsefulnessFilter struct {
	Period, Kind, Subject string
	After                 [3]string
	Limit                 int
}

// ListUsefulness gives what things were found to be worth, by period, kind and
// subject. A mentor sees only what is said about him or her.
func ListUsefulness(ctx context.Context, db *gorm.DB, townID string, f UsefulnessFilter) ([]Usefulness, error) {
	q := settled(ctx, db, townID)
	if p := access.Caller(ctx); p.Role == access.Mentor {
		q = q.Where("r.kind = 'mentor' AND r.subject = ?", p.Person)
	}
	for _, narrow := range []struct{ column, value string }{{"r.period_code", f.Period}, {"r.kind", f.Kind}, {"r.subject", f.Subject}} {
		if narrow.value != "" {
			q = q.Where(narrow.column+" = ?", narrow.value)
		}
	}
	a := f.After
	q = q.Where("r.period_code > ? OR (r.period_code = ? AND (r.kind > ? OR (r.kind = ? AND r.subject > ?)))", a[0], a[0], a[1], a[1], a[2])
	var rows []tally
	err := q.Order("r.period_code, r.kind, r.subject").Limit(f.Limit).Scan(&rows).Error
	list := make([]Usefulness, len(rows))
	for i, t := range rows {
		list[i] = t.tell()
	}
	return list, err
}

// tally counts the ratings of one subject.
type tally struct {
	PeriodCode, Kind, Subject string
	N1, N2, N3, N4, N5        int64
}

// settled counts the ratings of final periods.
func settled(ctx context.Context, db *gorm.DB, townID string) *gorm.DB {
	return db.WithContext(ctx).Table("usefulness_ratings r").
		Joins("JOIN periods p ON p.town_id = r.town_id AND p.code = r.period_code").
		Where("r.town_id = ? AND p.state = ?", townID, evaluation.Final).
		Select(`r.period_code, r.kind, r.subject,
SUM(CASE score WHEN 1 THEN 1 ELSE 0 END) AS n1, SUM(CASE score WHEN 2 THEN 1 ELSE 0 END) AS n2, SUM(CASE score WHEN 3 THEN 1 ELSE 0 END) AS n3,
SUM(CASE score WHEN 4 THEN 1 ELSE 0 END) AS n4, SUM(CASE score WHEN 5 THEN 1 ELSE 0 END) AS n5`).
		Group("r.period_code, r.kind, r.subject")
}

func (t tally) count() int64 { return t.N1 + t.N2 + t.N3 + t.N4 + t.N5 }

func (t tally) sum() int64 { return t.N1 + 2*t.N2 + 3*t.N3 + 4*t.N4 + 5*t.N5 }

func (t tally) tell() Usefulness {
	u := Usefulness{Period: t.PeriodCode, Kind: t.Kind, Subject: t.Subject, TooFew: t.count() < fewestRaters}
	if u.TooFew {
		return u
	}
	n, mean := t.count(), stats.Round(float64(t.sum())/float64(t.count()), 2)
	u.Raters, u.Mean, u.Distribution = &n, &mean, []int64{t.N1, t.N2, t.N3, t.N4, t.N5}
	return u
}

// usefulCases is the mean rating of each series of cases over the periods in which
// enough branches rated it. A period with too few is left out, or it could be told
// from the difference.
func usefulCases(ctx context.Context, db *gorm.DB, townID string) (map[string]float64, error) {
	var rows []tally
	err := settled(ctx, db, townID).Where("r.kind = 'case'").Scan(&rows).Error
	sums, counts := map[string]int64{}, map[string]int64{}
	for _, t := range rows {
		if t.count() >= fewestRaters {
			sums[t.Subject] += t.sum()
			counts[t.Subject] += t.count()
		}
	}
	means := make(map[string]float64, len(sums))
	for series, sum := range sums {
		means[series] = float64(sum) / float64(counts[series])
	}
	return means, err
}
