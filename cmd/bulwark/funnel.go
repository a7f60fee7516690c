package main

import (
	"cmp"
	"strconv"
	"strings"

	"bulwark/internal/analysis"
)

// funnelDrawing is a funnel in the units of its drawing, which is 620 wide and 320 high.
type funnelDrawing struct {
	Middle                  string
	Lines                   []string // the points of each limit
	Dots                    []funnelDot
	Low, High, Fewest, Most float64 // at the ends of the axes
}

type funnelDot struct {
	X, Y, Name string
	Out        bool
}

// drawFunnel lays a funnel out. Branches stand by their number of cases on a scale from the fewest to the most.
func drawFunnel(f analysis.Funnel) (d funnelDrawing) {
	first, last := f.Branches[0], f.Branches[len(f.Branches)-1]
	d.Fewest, d.Most, d.Low, d.High = first.Denominator, last.Denominator, f.Pooled, f.Pooled
	for _, b := range f.Branches {
		d.Low, d.High = min(d.Low, b.Value, b.Far.Low), max(d.High, b.Value, b.Far.High)
	}
	x := func(cases float64) string { return place(50, 610, (cases-d.Fewest)/cmp.Or(d.Most-d.Fewest, 1)) }
	y := func(value float64) string { return place(290, 10, (value-d.Low)/cmp.Or(d.High-d.Low, 1)) }
	d.Middle = y(f.Pooled)
	for _, limit := range []func(b analysis.FunnelBranch) float64{
		func(b analysis.FunnelBranch) float64 { return b.Limits.Low },
		func(b analysis.FunnelBranch) float64 { return b.Limits.High },
		func(b analysis.FunnelBranch) float64 { return b.Far.Low },
		func(b analysis.FunnelBranch) float64 { return b.Far.High },
	} {
		var points []string
		for _, b := range f.Branches {
			points = append(points, x(b.Denominator)+","+y(limit(b)))
		}
		d.Lines = append(d.Lines, strings.Join(points, " "))
	}
	for _, b := range f.Branches {
		d.Dots = append(d.Dots, funnelDot{x(b.Denominator), y(b.Value), b.Branch.Name, b.Outside != ""})
	}
	return d
}

// place returns the point of a share of the way, to a tenth.
func place(from, to, share float64) string {
	return strconv.FormatFloat(from+(to-from)*share, 'f', 1, 64)
}
