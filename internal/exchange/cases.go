// Package exchange holds the platform on which branches learn from each other:
// cases, events and study visits, and what they were worth.
package exchange

import (
	"context"
	"errors"
	"strconv"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/database"
	"bulwark/internal/fault"
	"bulwark/internal/text"
)

// CaseState is where a case stands in its life.
type CaseState string

// The states of a case. Everybody reads the published ones.
const (
	Draft      CaseState = "draft"
	Submitted  CaseState = "submitted"
	Returned   CaseState = "returned"
	Published  CaseState = "published"
	Superseded CaseState = "superseded" // a later edition was published
	Withdrawn  CaseState = "withdrawn"
)

// Case tells what a branch did well (先进工作案例), so that others can do it too. Once
// published it is frozen; what is to be told differently is its next edition.
type Case struct {
	TownID      string                  `gorm:"primaryKey" json:"-"`
	ID          string                  `gorm:"primaryKey" json:"id" format:"uuid"`
	SeriesID    string                  `json:"series" format:"uuid"` // id of the first edition
	Edition     int64                   `json:"edition" example:"1"`
	BranchCode  string                  `json:"branch" example:"b07"`
	Title       string                  `json:"title" example:"Evening meetings in the courtyard"`
	Story       string                  `json:"story"`
	Indicators  database.JSON[[]string] `json:"indicators" swaggertype:"array,string" example:"governance.02"` // that it raised
	Measures    database.JSON[[]int]    `json:"measures" swaggertype:"array,integer" example:"4"`              // 1 to 7, that it is an example of
	Links       database.JSON[[]Link]   `json:"links"`
	Author      string                  `json:"author,omitempty" example:"mentor-1"` // told to who may read people, and within the branch
	State       CaseState               `json:"state" swaggertype:"string" enums:"draft,submitted,returned,published,superseded,withdrawn"`
	PublishedAt *time.Time              `json:"published_at,omitempty"`
	History     []CaseMove              `gorm:"-" json:"history,omitempty"` // in the answer about one, as the author is
	Allowed     []string                `gorm:"-" json:"allowed"`
	database.Versioned
}

// Link leads to what belongs to a case: a file, a film, a report.
type Link struct {
	Title string `json:"title" example:"photos"`
	URL   string `json:"url" example:"https://example.org/photos"`
}

// CaseMove is one step of a case, kept for ever under the version that it made.
type CaseMove struct {
	TownID  string      `gorm:"primaryKey" json:"-"`
	CaseID  string      `gorm:"primaryKey" json:"-"`
	Version int64       `gorm:"primaryKey" json:"version"`
	Verb    string      `json:"verb" enums:"submit,publish,return,withdraw,retract,supersede"`
	At      time.Time   `json:"at"`
	Actor   string      `json:"by" example:"group-1"`
	Role    access.Role `json:"role" swaggertype:"string" example:"leading_group"`
	Reason  string      `json:"reason,omitempty"`
}

var caseNoun = text.Text{ZH: "案例", EN: "case"}

// FindCase gives one case as the caller may see it.
func FindCase(ctx context.Context, db *gorm.DB, townID, id string) (Case, error) {
	var c Case
	err := db.WithContext(ctx).Where("town_id = ? AND id = ?", townID, id).Take(&c).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return Case{}, fault.Missing(caseNoun, id)
	}
	if err != nil {
		return Case{}, err
	}
	v, err := newViewer(ctx, db, townID)
	if err != nil {
		return Case{}, err
	}
	if !v.sees(c) {
		return Case{}, fault.Missing(caseNoun, id)
	}
	if v.insider(c) {
		if err := db.WithContext(ctx).Where("town_id = ? AND case_id = ?", townID, id).Order("version").Find(&c.History).Error; err != nil {
			return Case{}, err
		}
	}
	return v.tell(c), nil
}

// CaseFilter narrows a list; zero fields do not.
type CaseFilter struct {
	Branch, Series, Indicator string
	Measure                   int
	State                     CaseState
	After                     string
	Limit                     int
}

// ListCases gives the cases that the caller may see, in the order of their making.
func ListCases(ctx context.Context, db *gorm.DB, townID string, f CaseFilter) ([]Case, error) {
	v, err := newViewer(ctx, db, townID)
	if err != nil {
		return nil, err
	}
	q := v.visible(db.WithContext(ctx)).Where("town_id = ? AND id > ?", townID, f.After)
	for _, narrow := range []struct{ column, value string }{{"branch_code", f.Branch}, {"series_id", f.Series}, {"state", string(f.State)}} {
		if narrow.value != "" {
			q = q.Where(narrow.column+" = ?", narrow.value)
		}
	}
	if f.Indicator != "" { // a code has no character that JSON writes otherwise
		q = q.Where("replace(indicators, ?, '') <> indicators", strconv.Quote(f.Indicator))
	}
	if f.Measure > 0 { // of one digit
		q = q.Where("replace(measures, ?, '') <> measures", strconv.Itoa(f.Measure))
	}
	var list []Case
	err = q.Order("id").Limit(f.Limit).Find(&list).Error
	for i := range list {
		list[i] = v.tell(list[i])
	}
	return list, err
}
