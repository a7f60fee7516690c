package audit

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"gorm.io/gorm"

	"bulwark/internal/database"
	"bulwark/internal/fault"
	"bulwark/internal/text"
)

// Difference is a place where a table differs from the audit trail.
type Difference struct {
	Kind     string // see Message
	Table    string
	Key      string // the columns of the key with slashes between
	Column   string // empty where it is the row
	Recorded string // as JSON; empty where there is none
	Stored   string // likewise
	Town     string // of the record
	Sequence int64  // of the last record about the row; 0 = none
}

// The kinds of differences.
const (
	rowChanged    = "changed"
	rowDeleted    = "deleted"
	rowInserted   = "inserted"
	rowUnrecorded = "unrecorded"
	rowsUnproven  = "unproven"
)

var differences = map[string]text.Text{
	rowChanged: {
		ZH: "%[1]s：记录为 %[2]s，现为 %[3]s（审计记录 %[4]s）", EN: "%[1]s: recorded as %[2]s, now %[3]s (audit record %[4]s)",
	},
	rowDeleted:  {ZH: "%[1]s：此行已不在（审计记录 %[4]s）", EN: "%[1]s: the row is gone (audit record %[4]s)"},
	rowInserted: {ZH: "%[1]s：审计链中没有关于此行的记录", EN: "%[1]s: no audit record is about this row"},
	rowUnrecorded: {
		ZH: "%[1]s：审计记录 %[4]s 之前有一处改动未经记录",
		EN: "%[1]s: it was changed before audit record %[4]s without a record",
	},
	rowsUnproven: {
		ZH: "%[1]s：所存的行记录与审计记录 %[4]s 的摘要不符",
		EN: "%[1]s: the row records stored are not those whose digest audit record %[4]s holds",
	},
}

// Place returns the table, the key and the column.
func (d Difference) Place() string {
	if d.Column == "" {
		return d.Table + "/" + d.Key
	}
	return d.Table + "/" + d.Key + "/" + d.Column
}

// KeyInTown returns the key without the town, where it begins with the record's.
func (d Difference) KeyInTown() string { return strings.TrimPrefix(d.Key, d.Town+"/") }

// Values returns what was recorded and what is stored, texts without quotes and none for
// null.
func (d Difference) Values() (recorded, stored string) {
	return plain(jsontext.Value(d.Recorded)), plain(jsontext.Value(d.Stored))
}

// Record returns the audit record as anchors name it: town and sequence.
func (d Difference) Record() string { return nameOf(d.Town) + "/" + strconv.FormatInt(d.Sequence, 10) }

// Message returns what differs, in both languages.
func (d Difference) Message() text.Text {
	words := differences[d.Kind]
	return text.F(words.ZH, words.EN, d.Place(), d.Recorded, d.Stored, d.Record())
}

// Part is the rows of a table whose key begins with the values: all with none.
type Part struct {
	Table string
	Key   []string
}

// VerifyRows compares every row of the town, of all towns and the installation where townID is empty, with the
// last record about it, and passes each difference to report. It returns the number of row records. That the
// trail is whole is for Verify to find.
func VerifyRows(ctx context.Context, db *gorm.DB, townID string, report func(Difference)) (records int64, err error) {
	defer fault.Wrap(&err, "hold the rows of %q against the trail", townID)
	err = database.ReadTx(ctx, db, func(tx *gorm.DB) error {
		tables, err := database.HeldTables(ctx, tx)
		if err != nil {
			return err
		}
		v := rowVerification{tx: tx.WithContext(ctx), town: townID, report: report}
		var parts []heldPart
		for _, t := range tables {
			switch {
			case townID == "":
				parts = append(parts, heldPart{table: t})
			case t.HasTown():
				parts = append(parts, heldPart{table: t, prefix: []string{townID}})
			}
		}
		err = v.run(ctx, parts, v.readAll)
		records = v.records
		return err
	})
	return records, err
}

// VerifyParts holds the rows of the parts against the last record about each; in a
// transaction, as they were before it.
func VerifyParts(ctx context.Context, db *gorm.DB, parts []Part, report func(Difference)) (err error) {
	defer fault.Wrap(&err, "hold rows against the trail")
	return database.ReadTx(ctx, db, func(tx *gorm.DB) error {
		tables, err := database.HeldTables(ctx, tx)
		if err != nil {
			return err
		}
		v := rowVerification{tx: tx.WithContext(ctx), report: report}
		var held []heldPart
		for _, p := range parts {
			at := slices.IndexFunc(tables, func(t *database.Table) bool { return t.Name == p.Table })
			if at < 0 {
				report(Difference{Kind: rowDeleted, Table: p.Table})
				continue
			}
			if _, complete := tables[at].KeyOf(p.Key); !complete {
				held = append(held, heldPart{table: tables[at], prefix: p.Key})
				continue
			}
			of := slices.IndexFunc(held, func(h heldPart) bool { return h.table == tables[at] && h.keys != nil })
			if of < 0 {
				of, held = len(held), append(held, heldPart{table: tables[at]})
			}
			held[of].keys = append(held[of].keys, p.Key)
		}
		return v.run(ctx, held, func() error { return v.readParts(held) })
	})
}

// heldPart is the units whose keys begin with the prefix, or those of the keys.
type heldPart struct {
	table  *database.Table
	prefix []string
	keys   [][]string
}

// hash is a SHA-256; all zero where there are no rows.
type hash [sha256.Size]byte

func hashOf(rows string) hash {
	if rows == "" {
		return hash{}
	}
	return sha256.Sum256([]byte(rows))
}

// place is where a record stands.
type place struct {
	town     string
	sequence int64
}

// unitState is what the records say of a unit. Each record takes it from one hash to
// another, so that all hashes between cancel out in whatever order they are read: what is
// left is the present one. A hash that was taken and never left is a change that no
// record is about.
type unitState struct {
	open []openHash
	seen bool // among the rows that are stored
}

type openHash struct {
	hash
	count int
	place
}

func (s *unitState) add(h hash, n int, at place) {
	for i := range s.open {
		o := &s.open[i]
		if o.hash != h {
			continue
		}
		if o.count += n; o.count == 0 {
			s.open = slices.Delete(s.open, i, i+1)
		} else if at.sequence > o.sequence || at.town != o.town {
			o.place = at
		}
		return
	}
	s.open = append(s.open, openHash{h, n, at})
}

// last returns what the last record left, and whether all records agree with each other.
// Where several could be the last, the one that is stored is meant.
func (s *unitState) last(stored hash) (last openHash, agree bool) {
	agree = len(s.open) == 1 && s.open[0].count == 1
	for _, o := range s.open {
		if o.count > 0 && (o.hash == stored || last.count == 0 || last.hash != stored && o.sequence > last.sequence) {
			last = o
		}
	}
	return last, agree
}

type rowVerification struct {
	tx      *gorm.DB
	town    string
	report  func(Difference)
	records int64
	states  map[string]map[string]*unitState // by table and key
	wrong   []wrongUnit
}

// wrongUnit is a unit that differs, until the columns are looked for.
type wrongUnit struct {
	table  *database.Table
	key    string
	stored string
	last   openHash
}

func (v *rowVerification) run(ctx context.Context, parts []heldPart, read func() error) error {
	v.states = map[string]map[string]*unitState{}
	for _, p := range parts {
		v.states[p.table.Name] = map[string]*unitState{}
	}
	if err := read(); err != nil {
		return err
	}
	for _, p := range parts {
		take := func(u database.Unit) error {
			v.compare(p.table, u.Key, u.Rows)
			return nil
		}
		var err error
		if p.keys != nil {
			err = p.table.UnitsOf(ctx, v.tx, p.keys, take)
		} else {
			err = p.table.Units(ctx, v.tx, p.prefix, take)
		}
		if err != nil {
			return err
		}
	}
	for _, p := range parts {
		for _, key := range slices.Sorted(maps.Keys(v.states[p.table.Name])) {
			if !v.states[p.table.Name][key].seen {
				v.compare(p.table, key, "")
			}
		}
	}
	slices.SortStableFunc(v.wrong, func(a, b wrongUnit) int {
		return cmp.Or(strings.Compare(a.table.Name, b.table.Name), strings.Compare(a.key, b.key))
	})
	for _, w := range v.wrong {
		if err := v.explain(w); err != nil {
			return err
		}
	}
	return nil
}

// compare holds a unit as it is stored against its records.
func (v *rowVerification) compare(t *database.Table, key, stored string) {
	s := v.states[t.Name][key]
	if s == nil {
		s = &unitState{open: []openHash{{count: 1}}}
		v.states[t.Name][key] = s
	}
	if s.seen {
		return // by an earlier part
	}
	s.seen = true
	if before, changed := database.RowsBefore(v.tx, t.Name, key); changed {
		stored = before // what the transaction itself has changed is recorded at its end
	}
	last, agree := s.last(hashOf(stored))
	if !agree {
		for _, o := range s.open {
			if o.count < 0 {
				v.report(Difference{Kind: rowUnrecorded, Table: t.Name, Key: shown(key), Town: o.town, Sequence: o.sequence})
			}
		}
	}
	if last.hash != hashOf(stored) {
		v.wrong = append(v.wrong, wrongUnit{t, key, stored, last})
	}
}

// take adds a row record to the state of its unit.
func (v *rowVerification) take(r RowRecord) {
	v.records++
	of := v.states[r.Of]
	if of == nil {
		return // of a table that is gone; the schema is compared elsewhere
	}
	s := of[r.Key]
	if s == nil {
		s = &unitState{open: []openHash{{count: 1}}}
		of[r.Key] = s
	}
	at := place{r.TownID, r.Sequence}
	s.add(hashOf(r.Rows), 1, at)
	var before hash
	_, _ = hex.Decode(before[:], []byte(r.Before)) // what is no hash stands for none, and differs
	s.add(before, -1, at)
}

// carrier is what an audit record holds of its row records: their digest, with its salt.
type carrier struct{ digest, salt string }

// carriers returns what audit records hold of their row records.
func (v *rowVerification) carriers(where string, args ...any) (map[place]carrier, error) {
	var list []Record
	err := v.tx.Select("town_id", "sequence", "salt", "rows").Where(where, args...).Find(&list).Error
	digests := make(map[place]carrier, len(list))
	for _, r := range list {
		digests[place{r.TownID, r.Sequence}] = carrier{r.Rows, r.Salt}
	}
	return digests, err
}

// readAll reads the row records of the town, or of all, and compares them with what the
// audit records hold of them.
func (v *rowVerification) readAll() error {
	q := v.tx.Model(&RowRecord{})
	digests, err := v.carriers("rows <> ''")
	if v.town != "" {
		q = q.Where("town_id = ?", v.town)
		digests, err = v.carriers("rows <> '' AND town_id = ?", v.town)
	}
	if err != nil {
		return err
	}
	return v.follow(q, digests, v.take)
}

// follow hands the row records to take and compares each audit record's with its digest.
func (v *rowVerification) follow(q *gorm.DB, digests map[place]carrier, take func(RowRecord)) error {
	rows, err := q.Select("town_id", "sequence", "table_name", "key", "before", "rows").
		Order("town_id, sequence, table_name, key").Rows()
	if err != nil {
		return err
	}
	defer rows.Close()
	var at place
	sum, n := sha256.New(), 0
	end := func() {
		if n > 0 && hex.EncodeToString(sum.Sum(nil)) != digests[at].digest {
			v.unproven(at)
		}
		delete(digests, at)
	}
	for rows.Next() {
		var r RowRecord
		if err := rows.Scan(&r.TownID, &r.Sequence, &r.Of, &r.Key, &r.Before, &r.Rows); err != nil {
			return err
		}
		if here := (place{r.TownID, r.Sequence}); here != at || n == 0 {
			end()
			at, n = here, 0
			sum.Reset()
			writePart(writer(sum.Write), digests[at].salt)
		}
		n++
		r.add(sum.Write)
		take(r)
	}
	end()
	for _, left := range slices.SortedFunc(maps.Keys(digests), func(a, b place) int {
		return cmp.Or(strings.Compare(a.town, b.town), cmp.Compare(a.sequence, b.sequence))
	}) {
		if digests[left].digest != "" {
			v.unproven(left)
		}
	}
	return rows.Err()
}

func (v *rowVerification) unproven(at place) {
	v.report(Difference{
		Kind: rowsUnproven, Table: RowRecord{}.TableName(), Key: nameOf(at.town) + "/" + strconv.FormatInt(at.sequence, 10),
		Town: at.town, Sequence: at.sequence,
	})
}

// readParts reads the row records of the parts, and all others of their audit records,
// which are needed to compare the digests.
func (v *rowVerification) readParts(parts []heldPart) error {
	carriers := map[string][]int64{} // by town
	for _, p := range parts {
		err := p.records(v.tx, func(r RowRecord) {
			v.take(r)
			carriers[r.TownID] = append(carriers[r.TownID], r.Sequence)
		})
		if err != nil {
			return err
		}
	}
	for _, town := range slices.Sorted(maps.Keys(carriers)) {
		slices.Sort(carriers[town])
		for some := range slices.Chunk(slices.Compact(carriers[town]), database.Batch) {
			digests, err := v.carriers("town_id = ? AND sequence IN ?", town, some)
			if err != nil {
				return err
			}
			q := v.tx.Model(&RowRecord{}).Where("town_id = ? AND sequence IN ?", town, some)
			if err := v.follow(q, digests, func(RowRecord) {}); err != nil {
				return err
			}
		}
	}
	return nil
}

// records calls take with the row records of the part.
func (p heldPart) records(tx *gorm.DB, take func(RowRecord)) error {
	find := func(condition string, args ...any) error {
		var list []RowRecord
		err := tx.Where("table_name = ?", p.table.Name).Where(condition, args...).Find(&list).Error
		for _, r := range list {
			take(r)
		}
		return err
	}
	if p.keys == nil {
		key, _ := p.table.KeyOf(p.prefix)
		return find("key >= ? AND key < ?", key, key+"\U0010FFFF")
	}
	for some := range slices.Chunk(p.keys, database.Batch) {
		keys := make([]string, len(some))
		for i, k := range some {
			keys[i], _ = p.table.KeyOf(k)
		}
		if err := find("key IN ?", keys); err != nil {
			return err
		}
	}
	return nil
}

// explain reports the rows and columns in which a unit differs.
func (v *rowVerification) explain(w wrongUnit) error {
	d := Difference{Table: w.table.Name, Key: shown(w.key), Town: w.last.town, Sequence: w.last.sequence}
	if d.Sequence == 0 && w.table.HasTown() {
		d.Town, _, _ = strings.Cut(d.Key, "/")
	}
	var list []RowRecord
	if w.last.hash != (hash{}) {
		if err := v.tx.Where("table_name = ? AND key = ?", w.table.Name, w.key).Order("sequence DESC").
			Find(&list).Error; err != nil {
			return err
		}
	}
	at := slices.IndexFunc(list, func(r RowRecord) bool { return hashOf(r.Rows) == w.last.hash })
	recorded := map[string]map[string]jsontext.Value{}
	if at >= 0 {
		d.Town, d.Sequence = list[at].TownID, list[at].Sequence
		recorded = rowsByKey(w.table, list[at].Rows)
	}
	stored := rowsByKey(w.table, w.stored)
	for _, key := range slices.Sorted(maps.Keys(recorded)) {
		one := d
		one.Key += key
		if stored[key] == nil {
			one.Kind = rowDeleted
			v.report(one)
			continue
		}
		one.Kind = rowChanged
		for _, column := range slices.Sorted(maps.Keys(recorded[key])) {
			was, is := recorded[key][column], stored[key][column]
			if string(was) != string(is) {
				one.Column, one.Recorded, one.Stored = column, string(was), string(is)
				v.report(one)
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(stored)) {
		if recorded[key] == nil {
			one := d
			one.Kind, one.Key = rowInserted, d.Key+key
			v.report(one)
		}
	}
	return nil
}

// rowsByKey returns the columns of each row of a unit, by the rest of its key.
func rowsByKey(t *database.Table, rows string) map[string]map[string]jsontext.Value {
	var list []map[string]jsontext.Value
	_ = json.Unmarshal([]byte(rows), &list) // what cannot be read has no row, and differs
	byKey := make(map[string]map[string]jsontext.Value, len(list))
	for _, row := range list {
		key := ""
		for _, column := range t.RowKey() {
			key += "/" + plain(row[column])
		}
		byKey[key] = row
	}
	return byKey
}

// shown returns a key as it is printed.
func shown(key string) string {
	var list []jsontext.Value
	_ = json.Unmarshal([]byte(key), &list)
	words := make([]string, len(list))
	for i, value := range list {
		words[i] = plain(value)
	}
	return strings.Join(words, "/")
}

// plain returns a text without its quotes.
func plain(value jsontext.Value) string {
	var word string
	if json.Unmarshal(value, &word) == nil {
		return word
	}
	return string(value)
}
