package audit_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/day"
	"bulwark/internal/text"
	"bulwark/internal/town"
)

// long tells in town x a trail of 60 records of several actions, with everything
// that a record can hold.
func long(t *testing.T, db *gorm.DB) {
	t.Helper()
	ctx := audit.As(t.Context(), audit.Actor{Name: "group-1", Role: "leading_group", Credential: "bw_1", RequestID: "r-1"})
	if _, err := town.CreateArea(ctx, db, province); err != nil {
		t.Fatal(err)
	}
	if _, err := town.Create(ctx, db, town.Town{Code: "x", AreaCode: "44", Name: text.Same("x")}); err != nil {
		t.Fatal(err)
	}
	founded := day.Date("2020-01-01")
	for i := range 30 {
		b := town.Branch{Name: text.Same(fmt.Sprint("branch ", i)), Kind: "village"}
		b.Life = town.Life{TownID: "x", Code: fmt.Sprint("b", i), FoundedOn: &founded, Provenance: "invented"}
		b, err := town.CreateBranch(ctx, db, b, "")
		if err == nil && i > 0 {
			_, err = town.Rename(ctx, db, town.BranchChange{
				Town: "x", Branch: b.Code, Version: b.Version, On: "2021-01-01", Reason: "a new sign",
			}, text.Same(fmt.Sprint("new ", i)))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// chain is a trail as someone with the whole database in hand may rewrite it.
type chain struct {
	records []audit.Record
	heads   []audit.Head // one, or none
}

func (c chain) clone() chain { return chain{slices.Clone(c.records), slices.Clone(c.heads)} }

// relink lays the chain anew from the record at i on, as its writer would, up to
// and including the one before end.
func (c chain) relink(i, end int) {
	for ; i < end; i++ {
		previous := ""
		if i > 0 {
			previous = c.records[i-1].Hash
		}
		c.records[i].Sequence = int64(i + 1)
		c.records[i].Hash = audit.Link(c.records[i], previous)
	}
}

// rehead lets the head tell of the last record.
func (c *chain) rehead() {
	if len(c.records) == 0 {
		c.heads = nil
		return
	}
	last := c.records[len(c.records)-1]
	c.heads = []audit.Head{{TownID: last.TownID, Sequence: last.Sequence, Hash: last.Hash}}
}

func stored(t *testing.T, db *gorm.DB) (c chain) {
	t.Helper()
	if err := errors.Join(db.Where("town_id = 'x'").Order("sequence").Find(&c.records).Error,
		db.Where("town_id = 'x'").Find(&c.heads).Error); err != nil {
		t.Fatal(err)
	}
	return c
}

// store replaces what differs between the stored chain and the tampered one.
func (c chain) store(tx *gorm.DB, was chain) error {
	had := make(map[audit.Record]bool)
	for _, r := range was.records {
		had[r] = true
	}
	fresh := slices.DeleteFunc(slices.Clone(c.records), func(r audit.Record) bool {
		same := had[r]
		delete(had, r)
		return same
	})
	var gone []string
	for r := range had {
		gone = append(gone, r.ID)
	}
	if len(gone) > 0 {
		if err := tx.Where("town_id = 'x' AND id IN ?", gone).Delete(&audit.Record{}).Error; err != nil {
			return err
		}
	}
	if len(fresh) > 0 {
		if err := tx.Create(fresh).Error; err != nil {
			return err
		}
	}
	switch {
	case slices.Equal(c.heads, was.heads):
		return nil
	case len(c.heads) == 0:
		return tx.Where("town_id = 'x'").Delete(&audit.Head{}).Error
	default:
		return tx.Save(c.heads).Error
	}
}

// disarm takes off what guards the trail, as the owner of the database can.
func disarm(t *testing.T, db *gorm.DB) {
	t.Helper()
	statements := []string{"DROP INDEX audit_records_sequence"}
	for trigger, table := range map[string]string{
		"audit_records_immutable": "audit_records", "audit_heads_grow": "audit_heads", "audit_heads_stay": "audit_heads",
	} {
		switch {
		case database.Dialect(db) == database.PostgreSQL:
			statements = append(statements, "DROP TRIGGER "+trigger+" ON "+table)
		case table == "audit_records":
			statements = append(statements, "DROP TRIGGER "+trigger+"_update", "DROP TRIGGER "+trigger+"_delete")
		default:
			statements = append(statements, "DROP TRIGGER "+trigger)
		}
	}
	for _, s := range statements {
		if err := db.Exec(s).Error; err != nil {
			t.Fatal(err)
		}
	}
}

var errUndo = errors.New("undo")

func TestVerifyFindsEveryTampering(t *testing.T) {
	dbtest.EachAsOwner(t, func(t *testing.T, db *gorm.DB) {
		long(t, db)
		disarm(t, db)
		was := stored(t, db)
		n := len(was.records)
		if n != 60 || len(was.heads) != 1 {
			t.Fatalf("%d records, %d heads", n, len(was.heads))
		}
		anchors := []audit.Anchor{
			{Head: audit.Head{TownID: "x", Sequence: 20, Hash: was.records[19].Hash}},
			{Head: was.heads[0]},
		}
		verify := func(tx *gorm.DB, anchors []audit.Anchor) audit.Report {
			t.Helper()
			r, err := audit.Verify(t.Context(), tx, "x", anchors)
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		tries := 0
		for _, m := range append(edits(t), tamperings()...) {
			for i := range n {
				c := was.clone()
				if !m.do(&c, i) {
					continue
				}
				tries++
				err := database.InTx(t.Context(), db, func(tx *gorm.DB) error {
					if err := c.store(tx, was); err != nil {
						return err
					}
					alone := verify(tx, nil)
					switch {
					case m.anchor != "":
						if !alone.OK {
							t.Errorf("%s at %d: found without an anchor: %+v", m.name, i+1, alone.Fault)
						}
						if r := verify(tx, anchors); r.OK || !strings.Contains(m.anchor, r.Fault.Kind) || r.Fault.Sequence < int64(i+1) {
							t.Errorf("%s at %d: with anchors %+v", m.name, i+1, r.Fault)
						}
					case alone.OK, m.kind != "" && alone.Fault.Kind != m.kind, m.at != nil && alone.Fault.Sequence != int64(m.at(i)+1):
						t.Errorf("%s at %d: %+v", m.name, i+1, alone.Fault)
					}
					return errUndo
				})
				if !errors.Is(err, errUndo) {
					t.Fatalf("%s at %d: %v", m.name, i+1, err)
				}
			}
		}
		t.Logf("%d tamperings", tries)
		for _, anchors := range [][]audit.Anchor{nil, anchors} {
			if r := verify(db, anchors); !r.OK || r.Records != 60 || int(r.Anchors) != len(anchors) || r.Head != was.heads[0] {
				t.Errorf("a false alarm: %+v", r)
			}
		}
	})
}
