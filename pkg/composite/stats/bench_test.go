package stats_test

import (
	"fmt"
	"testing"

	"gonum.org/v1/gonum/stat"

	"bulwark/pkg/composite/stats"
)

// BenchmarkCorrelations relates 26 columns, beside gonum over the same pairs, which
// asks for whole columns and sums in the order of the units.
func BenchmarkCorrelations(b *testing.B) {
	for _, units := range []int{40, 1000, 26_000} {
		columns := make([][]float64, 26)
		for c := range columns {
			columns[c] = make([]float64, units)
			for u := range columns[c] {
				columns[c][u] = float64((u*7919 + c*104729 + u*u*c) % 1000)
			}
		}
		b.Run(fmt.Sprint("composite/", units), func(b *testing.B) {
			for b.Loop() {
				if _, err := stats.Correlations(columns, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprint("gonum/", units), func(b *testing.B) {
			for b.Loop() {
				for i := range columns {
					for k := range i {
						stat.Correlation(columns[i], columns[k], nil)
					}
				}
			}
		})
	}
}
