// Package feed tells what has changed in a town: the records of the audit trail that others
// may hear of, as thin events with ids, codes and links, and nothing of what was before and
// after.
package feed

import (
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/policy"
)

// Event is one change: at once an event of CloudEvents 1.0 in JSON and a payload of Standard
// Webhooks 1.0.
type Event struct {
	SpecVersion string `json:"specversion" example:"1.0"`                                      // of CloudEvents
	ID          string `json:"id" format:"uuid"`                                               // the same however often it is sent
	Source      string `json:"source" example:"https://bulwark.example.org/api/v1/towns/demo"` // the town
	// what has happened, as docs/webhooks.md lists it
	Type    string `json:"type" example:"plan.approved"`
	Subject string `json:"subject" example:"plans/0190a6e2-7c1b-7a53-9f21-0242ac120002"` // its address below the town
	// when it was recorded
	Time      time.Time `json:"time"`
	Timestamp time.Time `json:"timestamp"` // the same, as Standard Webhooks calls it
	// of data
	ContentType string    `json:"datacontenttype" example:"application/json"`
	Data        EventData `json:"data"`
} // @name ChangeEvent

// EventData is what an event says besides: where to read more.
type EventData struct {
	// in which it has happened
	Town     string `json:"town" example:"demo"`
	Sequence int64  `json:"sequence" example:"42"` // in the audit trail of the town; 0 of a test
	// that it is about; absent where it is about none
	Branch string `json:"branch,omitempty" example:"b07"`
	// likewise
	Period string `json:"period,omitempty" example:"2023Q3"`
	// of a publication
	Number int64 `json:"number,omitempty,omitzero" example:"1"`
	// where the caller reads what it has become
	URL string `json:"url" example:"https://bulwark.example.org/api/v1/towns/demo/plans/0190a6e2-7c1b-7a53-9f21-0242ac120002"`
} // @name ChangeEventData

// JSON returns the event as it is sent.
func (e Event) JSON() ([]byte, error) { return json.Marshal(e) }

// Source reads events for the caller of a context.
type Source struct {
	// Link returns the absolute address of a path of the service.
	Link func(path string) string
	// Readable reports whether the caller may read what is at the address below the town now.
	Readable func(ctx context.Context, town, subject string) (bool, error)
}

// Query is which events are asked for.
type Query struct {
	After int64    // only events with a greater sequence
	Types []string // each a type or the beginning of some, as plan.*; none: all
	Limit int      // at most so many events
}

// Page is what is read at once.
type Page struct {
	Items []Event `json:"items"`             // in the order of sequences
	Next  int64   `json:"next" example:"42"` // to be sent as after; it also moves past what was not for the caller
	More  bool    `json:"more"`              // true: ask again at once
} // @name Changes

// examined is how many records of told actions one call looks at: each may take some
// statements to learn whether the caller may read its subject.
const examined = 200

// Read returns the events of the town that the caller of ctx may read now: those of actions
// of which the policy allows reading to him or her, about branches in reach, whose subject
// can be read. What cannot be read any more, or not yet, is passed over.
func (s Source) Read(ctx context.Context, db *gorm.DB, townID string, q Query) (_ Page, err error) {
	defer fault.Wrap(&err, "changes of %s after %d", townID, q.After)
	p := access.PrincipalFrom(ctx)
	page := Page{Items: []Event{}, Next: q.After}
	records, head, err := recordsAfter(ctx, db, townID, q, actions(q.Types, p.May))
	if err != nil {
		return page, err
	}
	if q.After > head {
		return page, fault.Malformed("after_the_end",
			"审计链只到 %[1]d，没有 %[2]d：数据库可能已从备份恢复，请从 0 或 %[1]d 重新读取",
			"the trail ends at %[1]d and has no %[2]d: the database may have been restored from a backup. Begin again at 0 or %[1]d",
			head, q.After)
	}
	places, err := placesOf(ctx, db, townID, records)
	if err != nil {
		return page, err
	}
	reader := reader{Source: s, db: db, caller: p, town: townID, may: map[string]bool{}, reaches: map[policy.Action]access.Reach{}}
	for i, r := range records {
		if len(page.Items) == q.Limit {
			page.More = true
			return page, nil
		}
		e := s.event(r, places[i])
		may, err := reader.mayRead(ctx, kinds[r.Action], e)
		if err != nil {
			return page, err
		}
		if may {
			page.Items = append(page.Items, e)
		}
		page.Next = r.Sequence
	}
	if len(records) == examined {
		page.More = true
		return page, nil
	}
	page.Next = head
	return page, nil
}

// recordsAfter returns the first records of the actions after a sequence, without what was
// before and after, and the end of the trail at that time.
func recordsAfter(
	ctx context.Context, db *gorm.DB, townID string, q Query, actions []string,
) (list []audit.Record, head int64, err error) {
	err = database.ReadTx(ctx, db, func(tx *gorm.DB) error {
		list = nil
		end, err := audit.FindHead(ctx, tx, townID)
		if head = end.Sequence; err != nil || q.After >= head || len(actions) == 0 {
			return err
		}
		return tx.WithContext(ctx).Select("town_id", "id", "sequence", "at", "action", "subject").
			Where("town_id = ? AND sequence > ? AND action IN ?", townID, max(q.After, 0), actions).
			Order("sequence").Limit(examined).Find(&list).Error
	})
	return list, head, err
}

// place is what a subject is about.
type place struct {
	Branch, Period string
	Number         int64
}

// foundPlace is a row by which a place is looked up.
type foundPlace struct {
	Key    string
	Branch string
	Number int64
}

// keyOf returns the table and the id by which the place of a record is looked up; empty
// where its subject says all.
func keyOf(r audit.Record) (table, id string) {
	parts := strings.Split(r.Subject, "/")
	switch table = kinds[r.Action].of; {
	case table != "" && len(parts) > 1:
		return table, parts[1]
	case len(parts) == 4 && parts[2] == "runs":
		return "publications", parts[3]
	}
	return "", ""
}

// placesOf returns what the records are about, by one statement for each table.
func placesOf(ctx context.Context, db *gorm.DB, townID string, records []audit.Record) (places []place, err error) {
	wanted, found := map[string][]string{}, map[string]place{} // by table; by table and id
	for _, r := range records {
		if table, id := keyOf(r); table != "" {
			wanted[table] = append(wanted[table], id)
		}
	}
	for table, ids := range wanted {
		columns := "id AS key, branch_code AS branch"
		where := "town_id = ? AND id IN ?"
		if table == "publications" {
			columns, where = "run_id AS key, number", "town_id = ? AND run_id IN ?"
		}
		var rows []foundPlace
		slices.Sort(ids)
		if err := db.WithContext(ctx).Table(table).Select(columns).Where(where, townID, slices.Compact(ids)).
			Find(&rows).Error; err != nil {
			return nil, err
		}
		for _, row := range rows {
			found[table+"/"+row.Key] = place{Branch: row.Branch, Number: row.Number}
		}
	}
	for _, r := range records {
		table, id := keyOf(r)
		at := found[table+"/"+id]
		switch parts := strings.Split(r.Subject, "/"); {
		case parts[0] == "branches":
			at.Branch = parts[1]
		case parts[0] == "periods":
			at.Period = parts[1]
			if len(parts) == 4 && parts[2] == "publications" {
				at.Number, _ = strconv.ParseInt(parts[3], 10, 64) // it is written by this program
			}
		}
		places = append(places, at)
	}
	return places, nil
}

// event returns the record as it is told.
func (s Source) event(r audit.Record, at place) Event {
	subject, town := r.Subject, "/api/v1/towns/"+url.PathEscape(r.TownID)
	if at.Number > 0 {
		subject = "periods/" + at.Period + "/publications/" + strconv.FormatInt(at.Number, 10)
	}
	return Event{
		SpecVersion: "1.0", ID: r.ID, Source: s.Link(town), Type: TypeOf(r.Action), Subject: subject,
		Time: r.At, Timestamp: r.At, ContentType: "application/json",
		Data: EventData{
			Town: r.TownID, Sequence: r.Sequence, Branch: at.Branch, Period: at.Period, Number: at.Number,
			URL: s.Link(town + "/" + escaped(subject)),
		},
	}
}

// escaped returns a path with each of its parts as a URL has it.
func escaped(path string) string {
	parts := strings.Split(path, "/")
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	return strings.Join(parts, "/")
}

// reader decides what one caller is told, and remembers it for one page.
type reader struct {
	Source
	db      *gorm.DB
	caller  access.Principal
	town    string
	may     map[string]bool // by subject
	reaches map[policy.Action]access.Reach
}

// mayRead reports whether the caller may read what the event is about: by the policy, in
// his or her reach, and at its address.
func (r *reader) mayRead(ctx context.Context, k kind, e Event) (may bool, err error) {
	reach, known := r.reaches[k.Reads]
	if !known {
		if reach, err = r.caller.ReachOf(ctx, r.db, k.Reads, r.town, day.Of(r.db.NowFunc())); err != nil {
			return false, err
		}
		r.reaches[k.Reads] = reach
	}
	switch {
	case k.of != "" && !reach.Has(e.Data.Branch), k.of == "" && k.Reads == policy.ReadTargets && !reach.All:
		return false, nil
	}
	if may, known = r.may[e.Subject]; known {
		return may, nil
	}
	if may, err = r.Readable(ctx, r.town, e.Subject); err == nil {
		r.may[e.Subject] = may
	}
	return may, err
}
