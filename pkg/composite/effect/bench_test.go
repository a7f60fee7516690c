package effect_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"bulwark/pkg/composite/effect"
)

// BenchmarkMatchedEffect estimates with a placebo; a quarter of the units is treated, in
// three periods.
func BenchmarkMatchedEffect(b *testing.B) {
	for _, units := range []int{40, 1000} {
		rng := rand.New(rand.NewPCG(1, 2))
		p := effect.Panel{Scores: make([][]float64, 6)}
		var began []effect.Intervention
		for u := range units {
			p.Units = append(p.Units, fmt.Sprintf("u%04d", u))
			p.Classes = append(p.Classes, fmt.Sprint(u%3))
			level := 70 + 6*rng.NormFloat64()
			for t := range p.Scores {
				p.Scores[t] = append(p.Scores[t], level+4*rng.NormFloat64())
			}
			if u%4 == 0 {
				began = append(began, effect.Intervention{Unit: u, Period: 3 + u%3})
			}
		}
		b.Run(fmt.Sprintf("units=%d", units), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := effect.MatchedEffect(p, began, effect.EffectOptions{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
