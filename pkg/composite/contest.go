package composite

import (
	"bulwark/pkg/composite/internal/num"
	"bulwark/pkg/composite/stats"
	"math"
	"slices"
)

// contest ranks the same units again and again by other root scores: those to which
// Standings gives a score, with their adjustments held. The entrants are numbered
// from 0 in the order of the units.
type contest struct {
	index  *Index
	units  []int      // the unit of each entrant
	before []Standing // its standing; limits are by place here, not by unit
	limits map[int]limit
	cap    []float64 // what vetoes leave each entrant, at most

	score  []float64 // the published figure of this round, NaN for none
	rank   []int32   // entrants without a score come behind all others
	ahead  []int32   // entrants strictly ahead
	behind []int32   // entrants strictly behind
	grade  []int     // index into the grades, −1 without a score or grades

	keys []uint64
	list []Standing
}

// newContest gives the standings of r and the contest among its entrants.
func newContest(r *Result, adjustments []Adjustment) (*contest, error) {
	ix := r.index
	standings, err := ix.Standings(r, adjustments)
	if err != nil {
		return nil, err
	}
	byUnit := make([]Standing, len(standings))
	for _, s := range standings {
		byUnit[s.Unit] = s
	}
	limits, err := ix.adjust(make([]Standing, len(standings)), r.data.Units, adjustments)
	if err != nil {
		return nil, err
	}
	c := &contest{index: ix, limits: map[int]limit{}}
	for u, s := range byUnit {
		if s.Status != UnitScored {
			continue
		}
		top := 100.0
		if l, ok := limits[u]; ok {
			c.limits[len(c.units)] = l
			top = l.score
		}
		c.units = append(c.units, u)
		c.before = append(c.before, s)
		c.cap = append(c.cap, top)
	}
	c.makeRoom()
	return c, nil
}

func (c *contest) makeRoom() {
	n := len(c.units)
	c.score, c.rank = make([]float64, n), make([]int32, n)
	c.ahead, c.behind = make([]int32, n), make([]int32, n)
	c.grade, c.keys, c.list = make([]int, n), make([]uint64, n), make([]Standing, n)
}

// fork is a contest of the same entrants with room of its own.
func (c *contest) fork() *contest {
	f := *c
	f.makeRoom()
	return &f
}

// entrantBits hold an entrant's number in a key; the rest holds how far its figure
// is below 100, in the last decimal: at most 1e11+1, that is 37 bits.
const entrantBits = 27

// run ranks and grades by the root scores of all units, as Standings does.
func (c *contest) run(base []float64) {
	scale := math.Pow10(c.index.spec.Decimals)
	for i, u := range c.units {
		c.score[i] = math.NaN()
		below := uint64(100*scale) + 1
		if x := base[u]; x == x {
			s := &c.before[i]
			c.score[i] = min(stats.Round(num.Clamp(x+s.Bonus-s.Deduction, 0, 100), c.index.spec.Decimals), c.cap[i])
			below = uint64(math.Round((100 - c.score[i]) * scale))
		}
		c.keys[i] = below<<entrantBits | uint64(i)
	}
	slices.Sort(c.keys)
	c.place()
	c.gradeAll()
}

// place hands out ranks in the order of the keys.
func (c *contest) place() {
	n, dense := len(c.keys), int32(0)
	for from := 0; from < n; {
		to := from + 1
		for to < n && c.keys[to]>>entrantBits == c.keys[from]>>entrantBits {
			to++
		}
		dense++
		rank := int32(from + 1)
		if c.index.spec.Ranking == Dense {
			rank = dense
		}
		for _, key := range c.keys[from:to] {
			i := key & (1<<entrantBits - 1)
			c.rank[i], c.ahead[i], c.behind[i] = rank, int32(from), int32(n-to)
		}
		from = to
	}
}

func (c *contest) gradeAll() {
	grades := c.index.spec.Grades
	for i := range c.grade {
		c.grade[i] = -1
	}
	if len(grades) == 0 {
		return
	}
	list := c.list[:0]
	for _, key := range c.keys {
		i := int(key & (1<<entrantBits - 1))
		if c.score[i] == c.score[i] {
			list = append(list, Standing{Unit: i, Score: c.score[i]})
		}
	}
	c.index.grade(list, c.limits)
	for _, s := range list {
		c.grade[s.Unit] = gradeIndex(grades, s.Grade)
	}
}
