package composite

import "bulwark/pkg/composite/stats"

// Screening says which columns and units have enough values to be compared.
type Screening struct {
	Columns []int `json:"columns"` // those kept, ascending
	Units   []int `json:"units"`   // those kept, ascending
	// ColumnAvailability is, for every column, the share of the applicable cells that
	// have a value, and UnitAvailability the same for every unit over the columns
	// kept; 0 where none applies.
	ColumnAvailability []float64 `json:"column_availability"`
	UnitAvailability   []float64 `json:"unit_availability"`
}

// Screen keeps the columns in which at least the share perColumn of the cells that
// apply have a value, then the units that have at least the share perUnit of the
// cells that apply in those columns. Columns first: one that hardly anybody reports
// must not cost units their place. Data of the wrong shape give nil.
func Screen(d Data, perColumn, perUnit float64) *Screening {
	for c, x := range d.Columns {
		if len(x) != len(d.Units) || d.NotApplicable != nil && (len(d.NotApplicable) != len(d.Columns) ||
			d.NotApplicable[c] != nil && len(d.NotApplicable[c]) != len(x)) {
			return nil
		}
	}
	s := &Screening{}
	all := upTo(len(d.Units))
	for c := range d.Columns {
		share := d.availability([]int{c}, all)
		s.ColumnAvailability = append(s.ColumnAvailability, share)
		if enough(share, perColumn) {
			s.Columns = append(s.Columns, c)
		}
	}
	for u := range d.Units {
		share := d.availability(s.Columns, []int{u})
		s.UnitAvailability = append(s.UnitAvailability, share)
		if enough(share, perUnit) {
			s.Units = append(s.Units, u)
		}
	}
	return s
}

// availability is the share of the applicable cells that have a value.
func (d *Data) availability(columns, units []int) float64 {
	there, applicable := 0, 0
	for _, c := range columns {
		notApplicable := columnOf(d.NotApplicable, c)
		for _, u := range units {
			if notApplicable != nil && notApplicable[u] {
				continue
			}
			applicable++
			if stats.Valid(d.Columns[c][u]) {
				there++
			}
		}
	}
	if applicable == 0 {
		return 0
	}
	return float64(there) / float64(applicable)
}

// enough compares a share with its limit, both rounded: 0.7 of 10 is 7.
func enough(share, limit float64) bool {
	return stats.Round(share, stats.MaxDecimals) >= stats.Round(limit, stats.MaxDecimals)
}

func upTo(n int) []int {
	numbers := make([]int, n)
	for i := range numbers {
		numbers[i] = i
	}
	return numbers
}
