package scheme_test

import (
	"bytes"
	"encoding/csv"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"

	"bulwark/internal/scheme"
	"bulwark/pkg/composite"
)

const sharedCSV = "../../../shared/design/scheme-five-forces.csv"

func fiveForces(t *testing.T) *scheme.Compiled {
	t.Helper()
	d, err := scheme.FiveForces()
	must(t, err)
	c, err := scheme.Compile(d)
	must(t, err)
	return c
}

// An indicator has its share of its force, and the force its percentage of the
// index; what is our example says so.
func TestFiveForces(t *testing.T) {
	c := fiveForces(t)
	flat := c.Flat()
	if len(flat) != 26 || len(c.Document.Tree.Children) != 5 {
		t.Fatalf("%d indicators in %d forces", len(flat), len(c.Document.Tree.Children))
	}
	sum := 0.0
	for _, i := range flat {
		sum += i.EffectiveWeight
		parent := c.Node(i.Path[len(i.Path)-1])
		all := 0.0
		for _, sibling := range parent.Children {
			all += sibling.Weight
		}
		if want := parent.Weight / 100 * i.Weight / all; math.Abs(i.EffectiveWeight-want) > 1e-15 {
			t.Errorf("%s weighs %v of the index, want %v", i.Code, i.EffectiveWeight, want)
		}
		if !strings.HasPrefix(i.Provenance, "example") {
			t.Errorf("%s does not say that it is our example: %q", i.Code, i.Provenance)
		}
		if i.Name.ZH == "" || i.Name.EN == "" || i.Unit == "" || len(i.Lenses) == 0 {
			t.Errorf("%s lacks words: %+v", i.Code, i)
		}
	}
	if math.Abs(sum-1) > 1e-12 {
		t.Errorf("the effective weights sum to %v", sum)
	}
	for _, item := range append(c.Document.Adjustments.Bonus.Items, c.Document.Adjustments.Deduction.Items...) {
		if !strings.Contains(item.Provenance, "example") {
			t.Errorf("%s does not say that its points are our example", item.Code)
		}
	}
	for _, veto := range c.Document.Adjustments.Vetoes {
		if veto.Provenance != "example" {
			t.Errorf("%s does not say that it is our example", veto.Code)
		}
	}
}

// The shipped file is the agreed one, cell for cell, and the document says what
// the file says.
func TestFiveForcesIsTheAgreedFile(t *testing.T) {
	agreed, err := os.ReadFile(sharedCSV)
	if os.IsNotExist(err) {
		t.Skip("the agreed file is not on this machine")
	}
	must(t, err)
	shipped, err := os.ReadFile("five-forces.csv")
	must(t, err)
	if !bytes.Equal(agreed, shipped) {
		t.Error("five-forces.csv is not the agreed file")
	}
}

func TestFiveForcesSaysWhatItsFileSays(t *testing.T) {
	shipped, err := os.ReadFile("five-forces.csv")
	must(t, err)
	rows, err := csv.NewReader(bytes.NewReader(shipped)).ReadAll()
	must(t, err)
	column := map[string]int{}
	for i, name := range rows[0] {
		column[name] = i
	}
	c := fiveForces(t)
	if len(rows)-1 != len(c.Indicators) {
		t.Fatalf("%d rows, %d indicators", len(rows)-1, len(c.Indicators))
	}
	for i, row := range rows[1:] {
		n := c.Indicators[i]
		number := func(name string) float64 {
			x, err := strconv.ParseFloat(row[column[name]], 64)
			must(t, err)
			return x
		}
		for name, got := range map[string]string{
			"indicator": n.Code, "indicator_zh": n.Name.ZH, "indicator_en": n.Name.EN, "unit": n.Unit,
			"direction": string(n.Direction), "lens": strings.Join(n.Lenses, ";"), "provenance": n.Provenance,
		} {
			if want := row[column[name]]; got != want {
				t.Errorf("%s %s: %q, the file says %q", n.Code, name, got, want)
			}
		}
		if n.Weight != number("weight") || c.Node(row[column["dimension"]]).Weight != number("dimension_weight") {
			t.Errorf("%s: weights %v and %v", n.Code, n.Weight, c.Node(row[column["dimension"]]).Weight)
		}
		switch rule := n.Rule.Rule.(type) {
		case *composite.Goalposts:
			if row[column["rule"]] != "linear" || rule.Low != number("low") || rule.High != number("high") {
				t.Errorf("%s: %+v, the file says %v", n.Code, rule, row)
			}
		case *composite.Deduct: // so many events cost all points
			if row[column["rule"]] != "deduct_per_event" || math.Abs(rule.Per*number("low")-100) > 1e-12 {
				t.Errorf("%s: %+v, the file says %v", n.Code, rule, row)
			}
		default:
			t.Errorf("%s has a rule %s", n.Code, n.Rule.Kind())
		}
	}
}
