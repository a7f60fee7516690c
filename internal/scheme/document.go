// Package scheme holds versioned indicator schemes (指标体系): the document that
// states what is measured, how it is scored and how the scores become one index.
package scheme

import (
	"math"
	"slices"

	"bulwark/internal/policy"
	"bulwark/internal/text"
	"bulwark/pkg/composite"
	"bulwark/pkg/composite/stats"
)

// Document is one scheme as people write it: the same for the API, the offline
// command and the shipped default.
type Document struct {
	Code        string                `json:"code"`
	Version     int64                 `json:"version"` // set by the registry; 1 offline
	Name        text.Text             `json:"name"`
	Description text.Text             `json:"description,omitzero"`
	Decimals    int                   `json:"decimals"`
	Rounding    string                `json:"rounding,omitempty"`
	Ranking     composite.RankingKind `json:"ranking,omitempty" swaggertype:"string" enums:"competition,dense"`
	MinCoverage float64               `json:"min_coverage"`
	// the highest published figure; 100 where absent, another one only with a sum at the root
	Scale       float64      `json:"scale,omitempty" example:"100"`
	Quantities  []Quantity   `json:"quantities,omitempty"`
	Tree        Node         `json:"tree"`
	Adjustments Adjustments  `json:"adjustments,omitzero"`
	Grades      []Grade      `json:"grades,omitempty"` // from the best down
	Uncertainty *Uncertainty `json:"uncertainty,omitempty"`
	Provenance  string       `json:"provenance,omitempty"`
} // @name SchemeDocument

// Ref returns the name of the version that the document is.
func (d *Document) Ref() Ref { return Ref{Code: d.Code, Number: d.Version} }

// FullScore returns the highest published figure: the scale of the document, 100 without one.
func (d *Document) FullScore() float64 {
	if d.Scale == 0 {
		return 100
	}
	return d.Scale
}

// WithWeights returns the document with other weights, by the codes of nodes. The document itself
// stays.
func (d Document) WithWeights(weights map[string]float64) Document {
	d.Tree = d.Tree.withWeights(weights)
	return d
}

func (n Node) withWeights(weights map[string]float64) Node {
	if w, ok := weights[n.Code]; ok {
		n.Weight = w
	}
	children := make([]Node, len(n.Children))
	for i, child := range n.Children {
		children[i] = child.withWeights(weights)
	}
	n.Children = children
	return n
}

// Uncertainty lists what could have been chosen otherwise, for the question how
// sure a rank is. Without it, weights vary by a quarter and ratings are drawn again.
type Uncertainty struct {
	WeightSpread   float64                 `json:"weight_spread"` // each weight times 1−f to 1+f; 0 to below 1
	Missing        []composite.MissingKind `json:"missing,omitempty"`
	Normalisations []Rule                  `json:"normalisations,omitempty"`
	Aggregations   []composite.Aggregation `json:"aggregations,omitempty"`
}

// Node is the root, a dimension or an indicator. An indicator has a rule and no
// children; every other node has children.
type Node struct {
	Code        string                `json:"code"`
	Name        text.Text             `json:"name,omitzero"`
	Description text.Text             `json:"description,omitzero"`
	Weight      float64               `json:"weight,omitempty"`
	Aggregation composite.Aggregation `json:"aggregation,omitzero"`
	Children    []Node                `json:"children,omitempty"`

	Unit      string              `json:"unit,omitempty"`
	Direction composite.Direction `json:"direction,omitempty"`
	Entry     Entry               `json:"entry,omitempty" swaggertype:"string" enums:"reported,rated,derived"`
	// roles whose values count, of a reported indicator; absent: everyone who may write a sheet
	// roles whose values count; all who may write the sheet where it is absent
	Reporters []policy.Role          `json:"reporters,omitempty" swaggertype:"array,string" enums:"secretary,mentor,instructor,liaison_office,leading_group"`
	Verify    *Verify                `json:"verify,omitempty"`
	Range     *Range                 `json:"range,omitempty"`    // of an entry
	Decimals  *int                   `json:"decimals,omitempty"` // of an entry, at most
	Rule      *Rule                  `json:"rule,omitempty"`
	Missing   composite.Missing      `json:"missing,omitzero"`
	Peers     composite.Peers        `json:"peers,omitempty"`
	Over      *Over                  `json:"over,omitempty"`
	Treat     *composite.Treatment   `json:"treat,omitempty"`
	Combine   *composite.Combination `json:"combine,omitempty"` // of a rated indicator
	Derive    *Derivation            `json:"derive,omitempty"`  // of a derived indicator
	AppliesTo *Applicability         `json:"applies_to,omitempty"`
	// an entry may say, with evidence, that it does not apply; of a derived indicator that is the only entry
	Waivable   bool     `json:"waivable,omitempty"`
	Lenses     []string `json:"lenses,omitempty"`
	Provenance string   `json:"provenance,omitempty"`
} // @name SchemeNode

// Over fits a rule that looks at peers, and a treatment, to periods that are published, all together, instead of the
// peers of each period. Activation writes what was fitted into the document; nothing changes it later.
type Over struct {
	Periods []string           `json:"periods" example:"2022Q4"` // codes
	Fitted  []composite.Fitted `json:"fitted,omitempty"`         // written by the activation
} // @name FittedOver

// Entry is the source of the raw value of an indicator.
type Entry string

// The sources of a raw value.
const (
	Reported Entry = "reported" // entered once, with source and evidence
	Rated    Entry = "rated"    // entered by several evaluators and combined
	Derived  Entry = "derived"  // computed from reported quantities
)

// Range bounds what may be entered; either end may be open.
type Range struct {
	Min *float64 `json:"min,omitempty"`
	Max *float64 `json:"max,omitempty"`
} // @name EntryRange

// Quantity is a reported number that scores nothing itself: a part of a derived
// indicator.
type Quantity struct {
	Code      string         `json:"code"`
	Name      text.Text      `json:"name"`
	Unit      string         `json:"unit,omitempty"`
	Reporters []policy.Role  `json:"reporters,omitempty" swaggertype:"array,string" enums:"secretary,mentor,instructor,liaison_office,leading_group"` // as of an indicator
	Verify    *Verify        `json:"verify,omitempty"`
	Range     *Range         `json:"range,omitempty"`
	Decimals  *int           `json:"decimals,omitempty"`
	AppliesTo *Applicability `json:"applies_to,omitempty"`
}

// Verify is how a reported value is held against where it comes from. It scores nothing.
type Verify struct {
	How text.Text `json:"how"` // what is looked at, such as minutes or receipts
	// how far from the reported value, in its unit, what is found may be
	Tolerance float64 `json:"tolerance,omitempty" example:"1"`
	// not the only role that reports the value
	By policy.Role `json:"by" swaggertype:"string" enums:"secretary,mentor,instructor,liaison_office,leading_group,leadership,reader,admin"`
} // @name ValueVerification

// Derivation computes a raw value: scale · numerator / denominator, to 12 significant
// digits. It is missing where a part is, or where the denominator alone is 0; of 0 to 0
// nothing is missing: the indicator does not apply.
type Derivation struct {
	Kind        string  `json:"kind"` // "ratio"
	Numerator   string  `json:"numerator"`
	Denominator string  `json:"denominator"`
	Scale       float64 `json:"scale"`
	// how the counts vary by chance, a share of cases or a rate of events: then ranks are also drawn by it, and the ratio
	// has a funnel; it changes no published score
	Chance stats.Chance `json:"chance,omitempty" swaggertype:"string" enums:"binomial,poisson"`
}

// Of returns the raw value of the two parts, NaN for a missing one and for a missing value,
// and whether the indicator does not apply.
func (d *Derivation) Of(numerator, denominator float64) (value float64, notApplicable bool) {
	if numerator == 0 && denominator == 0 {
		return math.NaN(), true
	}
	if x, ok := stats.Ratio(numerator, denominator, d.Scale); ok {
		return x, false
	}
	return math.NaN(), false
}

// Applicability limits an indicator to kinds and classes of branch; an empty list
// does not.
type Applicability struct {
	Kinds   []string `json:"kinds,omitempty"`
	Classes []string `json:"classes,omitempty"`
}

// Covers reports whether a branch of the kind and class is meant. A nil
// applicability means every branch.
func (a *Applicability) Covers(kind, class string) bool {
	return a == nil ||
		(len(a.Kinds) == 0 || slices.Contains(a.Kinds, kind)) && (len(a.Classes) == 0 || slices.Contains(a.Classes, class))
}

// Adjustments are the bonuses, deductions and vetoes that a scheme knows.
type Adjustments struct {
	Bonus     Group  `json:"bonus,omitzero"`
	Deduction Group  `json:"deduction,omitzero"`
	Vetoes    []Veto `json:"vetoes,omitempty"`
} // @name SchemeAdjustments

// Group is a list of items whose points, in sum, count up to the cap.
type Group struct {
	Cap   float64 `json:"cap"`
	Items []Item  `json:"items,omitempty"`
} // @name AdjustmentGroup

// Item is one reason for a bonus or a deduction.
type Item struct {
	Code       string    `json:"code"`
	Name       text.Text `json:"name"`
	Points     float64   `json:"points"`
	Provenance string    `json:"provenance,omitempty"`
} // @name AdjustmentItem

// Veto is one reason to overrule the score (一票否决).
type Veto struct {
	Code       string           `json:"code"`
	Name       text.Text        `json:"name"`
	Effect     composite.Effect `json:"effect"`
	Provenance string           `json:"provenance,omitempty"`
}

// Grade is one band of the published figure.
type Grade struct {
	Code     string    `json:"code"`
	Name     text.Text `json:"name,omitzero"`
	From     float64   `json:"from"`
	MaxShare *float64  `json:"max_share,omitempty"`
} // @name SchemeGrade
