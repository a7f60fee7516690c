package index

import (
	"context"
	"slices"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/day"
	"bulwark/internal/evaluation"
	"bulwark/internal/fault"
	"bulwark/internal/text"
)

// publications is all that a town has published: every publication, in the order of the
// calendar and then of their numbers.
type publications []publishedRun

// publishedRun is one publication of an edition.
type publishedRun struct {
	Publication
	Period     evaluation.Period
	SchemeHash string
	DataHash   string
	ResultHash string
	first      *evaluation.Notice // of the first publication of the period
	latest     int64              // number of the last one
}

// readPublications reads the edition of a town in one statement.
func readPublications(ctx context.Context, db *gorm.DB, townID string) (publications, error) {
	return readPublicationsOf(ctx, db, townID, "")
}

// readPublicationsOf reads the publications of one period, or of all where period is
// empty.
func readPublicationsOf(ctx context.Context, db *gorm.DB, townID, period string) (publications, error) {
	var rows []struct {
		evaluation.Period
		Number               int64
		RunID, PublishedBy   string
		PublishedAt          time.Time
		PublicationReason    string
		NoticeUntil          *day.Date
		AppealID             *string
		SchemeHash, DataHash string
		ResultHash           string
	}
	err := db.WithContext(ctx).Raw(`SELECT p.*, c.number, c.run_id, c.published_by, c.published_at, c.reason AS publication_reason, c.notice_until, c.appeal_id,
r.scheme_hash, r.data_hash, r.result_hash
FROM periods p
JOIN publications c ON c.town_id = p.town_id AND c.period_code = p.code
JOIN runs r ON r.town_id = c.town_id AND r.id = c.run_id
WHERE p.town_id = ? AND (? = '' OR p.code = ?) AND p.state IN ? ORDER BY p.starts_on, p.code, c.number`,
		townID, period, period, []evaluation.PeriodState{evaluation.Published, evaluation.Final}).Scan(&rows).Error
	e := make(publications, len(rows))
	for i, r := range rows {
		e[i] = publishedRun{
			Publication: Publication{
				TownID: townID, PeriodCode: r.Code, Number: r.Number, RunID: r.RunID, PublishedBy: r.PublishedBy, PublishedAt: r.PublishedAt,
				Reason: r.PublicationReason, NoticeUntil: r.NoticeUntil, AppealID: r.AppealID,
			},
			Period: r.Period, SchemeHash: r.SchemeHash, DataHash: r.DataHash, ResultHash: r.ResultHash,
		}
	}
	e.link()
	return e, err
}

// link tells each publication of the first and the last one of its period.
func (e publications) link() {
	for i := range e {
		if i > 0 && e[i-1].PeriodCode == e[i].PeriodCode {
			e[i].first = e[i-1].first
		} else {
			e[i].first = e[i].notice()
		}
	}
	for i := len(e) - 1; i >= 0; i-- {
		if i < len(e)-1 && e[i+1].PeriodCode == e[i].PeriodCode {
			e[i].latest = e[i+1].latest
		} else {
			e[i].latest = e[i].Number
		}
	}
}

// of gives the publications of one period, which follow one another.
func (e publications) of(period string) publications {
	first := slices.IndexFunc(e, func(p publishedRun) bool { return p.PeriodCode == period })
	if first < 0 {
		return nil
	}
	end := first
	for end < len(e) && e[end].PeriodCode == period {
		end++
	}
	return e[first:end]
}

// find gives the publication of the number, or the latest where it is 0. The fault
// says whether the period is not published or has no such publication.
func (e publications) find(period string, number int64) (*publishedRun, error) {
	list := e.of(period)
	if len(list) == 0 {
		return nil, fault.Missing(text.Text{ZH: "已公布的考评周期", EN: "published period"}, period)
	}
	if number == 0 {
		return &list[len(list)-1], nil
	}
	for i := range list {
		if list[i].Number == number {
			return &list[i], nil
		}
	}
	return nil, fault.NotFound("not_found", "考评周期 %s 没有第 %d 次公布", "the period %s has no publication %d", period, number)
}

// previous gives the latest publication of the last published period of the same
// kind that started earlier; nil where there is none.
func (e publications) previous(p evaluation.Period) *publishedRun {
	var last *publishedRun
	for i := range e {
		if e[i].Period.Kind == p.Kind && e[i].Period.StartsOn < p.StartsOn {
			last = &e[i]
		}
	}
	return last
}
