// Package composite computes composite indices: many indicators, scored on one
// scale, weighted and aggregated up a tree into one figure per unit, then adjusted,
// rounded, ranked and graded.
//
// [New] checks a [Spec] and returns an [Index]. [Index.Check] reports every mistake
// in the [Data] with its place. [Index.Score], which then cannot fail, returns a
// [Result], and [Index.Standings] the published outcome.
//
// # Columns by themselves
//
// Package stats has the functions on columns. With them, [Treatment.Treat],
// [Normalise] and [Aggregation.Aggregate] an index can be made step by step;
// [Result.Statistics] describes its nodes.
//
// # Why, and what would change it
//
// [Result.Explain] returns an [Explainer]. It reports what every node contributes and
// loses, what another value of an indicator would be worth, the cheapest path to the
// next rank or grade, strengths, weak points and neighbours. [Explainer.Compare]
// divides the change of a unit between two runs among its causes.
//
// # Order of work
//
// A missing value is filled by its policy, then outliers are treated, then the rule
// is fitted to the peers: the values of all units that the indicator applies to, or
// of those of the same class, filled ones included. Then leaves are scored and
// nodes aggregated; a child without score leaves with its weight. A unit whose
// coverage, the effective weight entered ÷ the effective weight applicable, is
// below the minimum has no score.
//
// # Scores where all peers are equal
//
// No rule ever scores NaN or an infinity. A column with a flag is in [Result].Flags.
//
//	rule         all peers equal           one peer      flag
//	minmax       Constant (50)             Constant      constant_column
//	zscore       Mean (50)                 Mean          constant_column
//	percentile   0, as a cost 100          50            constant_column
//	rank         100, all are first        100           constant_column
//	rank_points  100, all are first        100           constant_column
//	best         100, all are the best     100           constant_column
//	target       100 if reached, else 0    as for many   target_reached, if so
//	reference    100·x/reference           as for many   no_reference, and no score, if
//	                                                     the unit has no value above 0
//
// The other rules do not look at peers. Where there is no peer, there is no value
// to score.
//
// # Same inputs, same figures
//
// Statistics of peers go over sorted values and sums over document order, and no
// product is left for a compiler to fuse with a sum. So the order of the units
// changes no bit, and neither does the architecture except where a logarithm, an
// exponential or a power is involved; there stats.Round makes the figures equal.
package composite
