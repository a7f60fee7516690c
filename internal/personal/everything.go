package personal

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"gorm.io/gorm"

	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/fault"
	"bulwark/internal/people"
	"bulwark/internal/text"
)

// Record is one record that names a person.
type Record struct {
	// below the town, or below the service where it begins with a slash
	Address string `json:"address" example:"evaluations/01890000-0000-7000-8000-000000000001"`
	// as what the record names the person, in the words of its fields; empty where only the name stands in it
	As []string `json:"as" example:"evaluator"`
	// where the name itself stands in an audit record, which nobody can take out of it
	NameIn []string `json:"name_in,omitempty" example:"after" enums:"before,after,reason"`
	Place  int      `json:"-"` // in its group, from 1
} // @name PersonalRecord

// Group is what one kind of record holds of a person.
type Group struct {
	Kind    string   `json:"kind" example:"evaluations"`
	Title   string   `json:"title" example:"evaluations"`
	Count   int      `json:"count" example:"12"` // of all records, also of those that are not listed here
	Stays   string   `json:"stays"`              // why the records stay when the person is pseudonymised
	Records []Record `json:"records"`            // the first ones in the order of their keys; none of what is only counted
} // @name PersonalRecords

// Query is which records to list.
type Query struct {
	Kind     string // only of this kind; empty: of all
	After    int    // behind so many of a kind
	Limit    int    // most records of a kind
	Language string // of titles and reasons
}

// Kinds returns the kinds of records that can name a person, in the order of the answer.
func Kinds() []string {
	names := make([]string, len(tables))
	for i, t := range tables {
		names[i] = t.name
	}
	return names
}

// Addresses returns the form of the addresses of records, by kind: below the town, or with a
// leading slash below the service; columns stand in braces. Kinds whose records are only
// counted are left out.
func Addresses() map[string]string {
	addresses := map[string]string{}
	for _, t := range tables {
		if t.address != "" {
			addresses[t.name] = t.address
		}
	}
	return addresses
}

// Everything returns what is kept of a person of the town, by one statement for each kind of
// record; kinds without any are left out, unless they are asked for.
func Everything(ctx context.Context, db *gorm.DB, p people.Person, q Query) (groups []Group, err error) {
	defer fault.Wrap(&err, "what is kept of %s", p.Code)
	groups = []Group{}
	err = database.ReadTx(ctx, db, func(tx *gorm.DB) error {
		s := search{tx: tx.WithContext(ctx), person: p, query: q}
		if err := s.findCredentials(); err != nil {
			return err
		}
		for _, t := range tables {
			if q.Kind != "" && q.Kind != t.name {
				continue
			}
			g, err := s.group(t)
			if err != nil {
				return fmt.Errorf("%s: %w", t.name, err)
			}
			if g.Count > 0 || q.Kind != "" {
				groups = append(groups, g)
			}
		}
		return nil
	})
	return groups, err
}

// search looks for one person.
type search struct {
	tx          *gorm.DB
	person      people.Person
	query       Query
	credentials []string // names of accounts, prefixes of keys
}

func (s *search) findCredentials() error {
	var names, prefixes []string
	err := s.tx.Raw("SELECT name FROM accounts WHERE only_town = ? AND person_code = ? ORDER BY name",
		s.person.TownID, s.person.Code).Scan(&names).Error
	if err == nil {
		err = s.tx.Raw("SELECT prefix FROM keys WHERE person_town = ? AND person_code = ? ORDER BY prefix",
			s.person.TownID, s.person.Code).Scan(&prefixes).Error
	}
	s.credentials = append(append(names, prefixes...), "") // never an empty list
	return err
}

// towns are the columns that hold the town where it is not town_id; empty: none does.
var towns = map[string]string{"keys": "person_town", "accounts": "only_town", "sessions": ""}

// match returns the condition that the column names the person.
func (s *search) match(c column) (string, any) {
	quoted := `"` + c.name + `"`
	switch c.form {
	case list:
		return database.Contains(s.tx, c.name), `"` + s.person.Code + `"`
	case credential:
		return "(" + quoted + " <> '' AND " + quoted + " IN ?)", s.credentials
	case subject:
		return quoted + " = ?", "people/" + s.person.Code
	default:
		return quoted + " = ?", s.person.Code
	}
}

// group reads the records of a table.
func (s *search) group(t table) (g Group, err error) {
	g = Group{Kind: t.name, Title: t.title.In(s.query.Language), Stays: t.stays.In(s.query.Language), Records: []Record{}}
	parts := addressColumns(t.address)
	names := make([]string, 0, len(parts)+len(t.columns)+4)
	var selectArgs, whereArgs []any
	for _, name := range parts {
		names = append(names, `"`+name+`"`)
	}
	where := make([]string, 0, len(t.columns))
	for i, c := range t.columns {
		condition, arg := s.match(c)
		names = append(names, fmt.Sprintf("CASE WHEN %s THEN 1 ELSE 0 END AS found_%d", condition, i))
		where, selectArgs, whereArgs = append(where, condition), append(selectArgs, arg), append(whereArgs, arg)
	}
	query := "SELECT COUNT(*) OVER () AS total, " + strings.Join(names, ", ")
	inTrail := t.name == audit.Record{}.TableName()
	if inTrail {
		query += `, subject AS in_subject, "before" AS in_before, "after" AS in_after, reason AS in_reason`
	}
	named, err := s.named(inTrail)
	if err != nil {
		return g, err
	}
	if len(named) > 0 {
		where, whereArgs = append(where, "sequence IN ?"), append(whereArgs, named)
	}
	query += ` FROM "` + t.name + `" WHERE (` + strings.Join(where, " OR ") + ")"
	town, other := towns[t.name]
	if !other {
		town = "town_id"
	}
	if town != "" {
		query, whereArgs = query+` AND "`+town+`" = ?`, append(whereArgs, s.person.TownID)
	}
	if t.where != "" {
		query += " AND " + t.where
	}
	rows := []map[string]any{}
	err = s.tx.Raw(query+" ORDER BY "+t.order+" LIMIT ? OFFSET ?",
		append(append(selectArgs, whereArgs...), max(s.query.Limit, 1), s.query.After)...).Scan(&rows).Error
	if err != nil || len(rows) == 0 {
		return g, err
	}
	g.Count = int(number(rows[0]["total"]))
	if t.address == "" {
		return g, nil
	}
	for i, row := range rows {
		r := Record{Address: fill(t.address, parts, row), As: []string{}, Place: s.query.After + i + 1}
		for j, c := range t.columns {
			if number(row[fmt.Sprintf("found_%d", j)]) == 1 && !slices.Contains(r.As, c.as) {
				r.As = append(r.As, c.as)
			}
		}
		if inTrail {
			r.NameIn = s.nameIn(row, named)
		}
		g.Records = append(g.Records, r)
	}
	return g, err
}

// named returns the sequences of the records of the trail in which the name stands: now, or
// when it was replaced.
func (s *search) named(inTrail bool) (sequences []int64, err error) {
	switch ctx := s.tx.Statement.Context; {
	case !inTrail:
		return nil, nil
	case s.person.PseudonymisedAt == nil:
		return audit.Naming(ctx, s.tx, s.person.TownID, s.person.Words())
	default:
		return people.NameIn(ctx, s.tx, s.person.TownID, s.person.Code)
	}
}

// nameIn returns where the name stands in a record of the trail. Records that are older than
// the rule that people are recorded by code hold a name among the values of the person.
func (s *search) nameIn(row map[string]any, named []int64) (places []string) {
	older := word(row["in_subject"]) == "people/"+s.person.Code
	for _, place := range []string{"before", "after", "reason"} {
		value := word(row["in_"+place])
		holds := older && place != "reason" && strings.Contains(value, `"name":{`)
		for _, name := range s.person.Words() {
			holds = holds || strings.Contains(value, name)
		}
		if holds {
			places = append(places, place)
		}
	}
	if len(places) == 0 && slices.Contains(named, number(row["sequence"])) {
		places = []string{"reason"} // or in a value that somebody wrote; the name is no longer known
	}
	return places
}

// addressColumns returns the columns in braces.
func addressColumns(address string) (names []string) {
	for rest := address; ; {
		_, after, ok := strings.Cut(rest, "{")
		if !ok {
			return names
		}
		var name string
		name, rest, _ = strings.Cut(after, "}")
		names = append(names, name)
	}
}

func fill(address string, names []string, row map[string]any) string {
	for _, name := range names {
		address = strings.Replace(address, "{"+name+"}", word(row[name]), 1)
	}
	return address
}

func word(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case []byte:
		return string(v)
	default:
		return fmt.Sprint(v)
	}
}

func number(value any) int64 {
	switch v := value.(type) {
	case int64:
		return v
	case int32:
		return int64(v)
	case int:
		return int64(v)
	default:
		return 0
	}
}

// Stay is a kind of record that names a person by code also after he or she was
// pseudonymised.
type Stay struct {
	Kind  string `json:"kind" example:"evaluations"` // the name of its table
	Title string `json:"title" example:"evaluations"`
	Count int    `json:"count" example:"12"` // of the records that stay
	Why   string `json:"why"`
} // @name WhatStays

// Stays returns what stays of a person in the town, and why.
func Stays(ctx context.Context, db *gorm.DB, p people.Person, language string) ([]Stay, error) {
	groups, err := Everything(ctx, db, p, Query{Limit: 1, Language: language})
	list := make([]Stay, len(groups))
	for i, g := range groups {
		list[i] = Stay{g.Kind, g.Title, g.Count, g.Stays}
	}
	return list, err
}

// Why returns why a name that stands in an older record of the trail stays there.
func Why() text.Text { return trail }
