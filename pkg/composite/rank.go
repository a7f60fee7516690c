package composite

import "slices"

// Ladder hands out ranks to scores that come in descending order: equal ones share
// the better rank, after which Competition leaves out as many (1 2 2 4) and Dense
// none (1 2 2 3). No Ranking is Competition.
type Ladder struct {
	Ranking     Ranking
	count, rank int
	last        float64
}

// Next is the rank of the next score, which is not above the one before.
func (l *Ladder) Next(score float64) int {
	l.count++
	switch {
	case l.count > 1 && score == l.last:
	case l.Ranking == Dense:
		l.rank++
	default:
		l.rank = l.count
	}
	l.last = score
	return l.rank
}

// rank ranks units with a score, sorted by descending score.
func (ix *Index) rank(list []Standing, classes *grouping) {
	overall := Ladder{Ranking: ix.spec.Ranking}
	within := slices.Repeat([]Ladder{overall}, len(classes.names))
	for i := range list {
		s := &list[i]
		s.Rank = overall.Next(s.Score)
		s.ClassRank = within[classes.group(s.Unit)].Next(s.Score)
	}
}
