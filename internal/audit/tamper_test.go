package audit_test

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"bulwark/internal/audit"
)

// tampering is one way to change a trail, done to the record at i. It is found at
// the record of that place, counted from 0, or anywhere where at is nil.
type tampering struct {
	name   string
	do     func(c *chain, i int) bool // false: not with this record
	kind   string                     // as Verify calls it; empty: as some anchor behind it shows alone
	at     func(i int) int
	anchor string // as Verify calls it then
}

func here(i int) int { return i }
func next(i int) int { return i + 1 }

func forged(c *chain, like int) audit.Record {
	r := c.records[like]
	r.ID, r.Actor = "ffffffff-0000-7000-8000-000000000000", "nobody"
	return r
}

// tamperings are all but the edits of single fields.
func tamperings() []tampering {
	return []tampering{
		{"removed", func(c *chain, i int) bool {
			c.records = slices.Delete(c.records, i, i+1)
			return i < len(c.records) // the last one: cut
		}, "removed", here, ""},
		{"removed, those behind it renumbered", func(c *chain, i int) bool {
			c.records = slices.Delete(c.records, i, i+1)
			for j := i; j < len(c.records); j++ {
				c.records[j].Sequence--
			}
			c.heads[0].Sequence--
			return i < len(c.records)
		}, "edited", here, ""},
		{"edited with a hash of its own", func(c *chain, i int) bool {
			c.records[i].Reason += "!"
			c.relink(i, i+1)
			return i+1 < len(c.records)
		}, "edited", next, ""},
		{"last edited with a hash of its own", func(c *chain, i int) bool {
			c.records[i].Reason += "!"
			c.relink(i, i+1)
			return i+1 == len(c.records)
		}, "head", here, ""},
		{"changed places with the next", swap(1, false), "swapped", here, ""},
		{"changed places with a later one", swap(7, false), "swapped", here, ""},
		{"changed content with the next", swap(1, true), "swapped", here, ""},
		{"changed content with a later one", swap(7, true), "swapped", here, ""},
		{"put in with a hash of its own", func(c *chain, i int) bool {
			c.records = slices.Insert(c.records, i, forged(c, i))
			c.relink(i, i+1)
			for j := i + 1; j < len(c.records); j++ {
				c.records[j].Sequence++
			}
			c.heads[0].Sequence++
			return true
		}, "inserted", here, ""},
		{"put in at a place that is taken", func(c *chain, i int) bool {
			c.records = append(c.records, forged(c, i))
			return true
		}, "inserted", here, ""},
		{"put in behind the head", func(c *chain, i int) bool {
			c.records = append(c.records, forged(c, i))
			c.relink(len(c.records)-1, len(c.records))
			return i == 0
		}, "inserted", func(int) int { return 60 }, ""},
		{"put in before the chain", func(c *chain, i int) bool {
			r := forged(c, i)
			r.Sequence, r.At = int64(-i), r.At.Add(time.Hour)
			c.records = append(c.records, r)
			return true
		}, "inserted", func(i int) int { return -i - 1 }, ""},
		{"cut", func(c *chain, i int) bool { c.records = c.records[:i]; return true }, "cut", here, ""},
		{
			"head removed", func(c *chain, i int) bool { c.heads = nil; return i == 0 }, "head", func(int) int { return 59 },
			"",
		},
		{"head has another hash", func(c *chain, i int) bool {
			c.heads[0].Hash = c.records[i].Hash
			return i+1 < len(c.records)
		}, "head", func(int) int { return 59 }, ""},
		{"head set back", func(c *chain, i int) bool {
			c.heads[0].Sequence, c.heads[0].Hash = c.records[i].Sequence, c.records[i].Hash
			return i+1 < len(c.records)
		}, "inserted", next, ""},
		{"cut, the head set back", func(c *chain, i int) bool {
			c.records = c.records[:i]
			c.rehead()
			return true
		}, "", nil, "cut"},
		{"edited, all behind it laid anew", func(c *chain, i int) bool {
			c.records[i].Reason += "!"
			c.relink(i, len(c.records))
			c.rehead()
			return true
		}, "", nil, "rewritten"},
		{"removed, all behind it laid anew", func(c *chain, i int) bool {
			c.records = slices.Delete(c.records, i, i+1)
			c.relink(i, len(c.records))
			c.rehead()
			return i < len(c.records)
		}, "", nil, "rewritten, or cut"},
	}
}

// swap exchanges a record with a later one: the whole rows but for their places,
// or only what they tell, while the hashes stay where they were.
func swap(by int, stay bool) func(c *chain, i int) bool {
	return func(c *chain, i int) bool {
		j := i + by
		if j >= len(c.records) {
			return false
		}
		a, b := &c.records[i], &c.records[j]
		*a, *b = *b, *a
		a.Sequence, b.Sequence = b.Sequence, a.Sequence
		if stay {
			a.Hash, b.Hash = b.Hash, a.Hash
		}
		return true
	}
}

// edits change each field of a record alone, whichever fields there are.
func edits(t *testing.T) (all []tampering) {
	fields := reflect.TypeFor[audit.Record]()
	for f := range fields.NumField() {
		if fields.Field(f).Tag.Get("gorm") == "-" {
			continue // not stored
		}
		all = append(all, tampering{"edited " + fields.Field(f).Name, func(c *chain, i int) bool {
			switch v := reflect.ValueOf(&c.records[i]).Elem().Field(f).Addr().Interface().(type) {
			case *string:
				*v = other(*v)
			case *audit.Values:
				*v = audit.Values(other(string(*v)))
			case *int64:
				*v += 1000
			case *time.Time:
				*v = v.Add(time.Microsecond)
			default:
				t.Fatalf("nobody edits a %T", v)
			}
			return true
		}, "", nil, ""})
	}
	return all
}

// other is a text of the same length, or one letter.
func other(s string) string {
	if s == "" {
		return "x"
	}
	last := byte('0')
	if s[len(s)-1] == last {
		last = '1'
	}
	return s[:len(s)-1] + string(last)
}
