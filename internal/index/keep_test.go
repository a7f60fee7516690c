package index

import (
	"fmt"
	"testing"

	"bulwark/internal/evaluation"
	"bulwark/internal/scheme"
)

// An amendment of what another engine computed keeps the figures of every branch that the
// corrections leave as it is, ranks again, names both engines, and lists what the engine
// alone would have changed.
func TestAmendmentAcrossEnginesKeepsFigures(t *testing.T) {
	d, err := scheme.Decode([]byte(`{"code": "s", "version": 1, "name": {"en": "s"}, "decimals": 2, "min_coverage": 0,
 "tree": {"code": "index", "children": [
  {"code": "x", "name": {"en": "x"}, "weight": 1, "entry": "reported", "rule": {"kind": "points", "max": 100}},
  {"code": "y", "name": {"en": "y"}, "weight": 1, "entry": "reported", "rule": {"kind": "points", "max": 100}}]},
 "grades": [{"code": "A", "from": 80}, {"code": "B", "from": 0}]}`))
	if err != nil {
		t.Fatal(err)
	}
	compiled, err := scheme.Compile(d)
	if err != nil {
		t.Fatal(err)
	}
	read := func(b2 string) *computation {
		c, err := readComputation(compiled, "branch,class,x,y\nb1,p,90,80\nb2,p,"+b2+",70\nb3,p,60,60\nb4,p,50,50\n")
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	var p evaluation.Period
	before := read("70")
	base := before.outcome(p)
	base.Run = &Run{Engine: "bulwark/composite 1"}
	for i := range base.Results {
		if r := &base.Results[i]; r.BranchCode == "b3" { // the earlier engine saw it elsewhere
			r.Score, r.Base, r.Grade = new(72.5), new(72.5), new("A")
		}
	}
	after := read("75")
	after.amends = &otherEngines{base: base, again: before.outcome(p), named: map[string]bool{"b2": true}}
	o := after.outcome(p)
	got := ""
	for i, r := range o.Results {
		got += fmt.Sprint(" ", r.BranchCode, " ", *r.Score, " ", *r.Grade, " ", *r.Rank, r.Position-i)
	}
	if want := " b1 85 A 1 0 b2 72.5 B 2 0 b3 72.5 A 2 0 b4 50 B 4 0"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if name := after.byEngine(); name != "bulwark/composite 1 + "+Engine {
		t.Error(name)
	}
	base.Run.Engine = after.byEngine()
	if again := after.byEngine(); again != base.Run.Engine {
		t.Errorf("amended twice: %s", again)
	}
	list := ""
	for _, touched := range after.amends.addTo(base.touchedBy(o)) {
		list += fmt.Sprint(" ", touched.Branch, " ", *touched.Before.Score, " ", *touched.Now.Score)
		if touched.ByEngine != nil {
			list += fmt.Sprint(" by engine ", *touched.ByEngine.Score)
		}
	}
	t.Log(list)
	if want := " b2 70 72.5 b3 72.5 72.5 by engine 60"; list != want {
		t.Errorf("got %s, want %s", list, want)
	}
}
