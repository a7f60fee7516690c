package plan

import (
	"context"
	"crypto/sha256"
	"database/sql/driver"
	"encoding/hex"
	"slices"
	"strconv"

	"gorm.io/gorm"

	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/explanation"
	"bulwark/internal/fault"
	"bulwark/internal/improve"
	"bulwark/internal/index"
	"bulwark/internal/scheme"
	"bulwark/internal/text"
	"bulwark/pkg/composite/stats"
)

// Document is the content of an improvement plan. The items come in the order in which
// the plan names them.
type Document struct {
	Summary string        `json:"summary,omitempty"`
	Items   []PlannedItem `json:"items"`
}

// PlannedItem is one thing to do (提升事项), and the gap of an indicator that it
// closes. A categorical indicator has the place of its level as value.
type PlannedItem struct {
	ID        string   `gorm:"primaryKey" json:"id" format:"uuid"` // stays from version to version
	Indicator string   `json:"indicator" example:"governance.01"`
	ValueNow  *float64 `json:"value_now,omitempty"` // of the result that the plan is about
	ScoreNow  float64  `json:"score_now"`
	ValueGoal float64  `json:"value_goal" example:"92"`
	// of the indicator at the goal, to nine decimals: a published score is held against it; that of now
	// where the indicator is measured against other branches, of which a plan tells nothing
	ScoreGoal float64     `json:"score_goal"`
	Points    float64     `json:"points"`              // of the index, if this item alone reaches its goal
	Measure   int64       `json:"measure" example:"2"` // 1 to 7
	Action    string      `json:"action"`              // what is done
	Owner     ItemOwner   `gorm:"embedded;embeddedPrefix:owner_" json:"owner"`
	DueOn     day.Date    `json:"due_on" swaggertype:"string" format:"date"`
	Cost      float64     `json:"cost"` // in yuan
	Why       ItemReasons `json:"why"`  // why it is in the plan
}

// ItemOwner is who is responsible for an item.
type ItemOwner struct {
	Kind string `json:"kind" enums:"person,office,branch"`
	Code string `json:"code" example:"b07"`
}

// ItemReason is why an item is proposed.
type ItemReason struct {
	Code     string    `json:"code" enums:"cheapest_gain,cause,below_class_median,fallen,below_target"`
	Text     text.Text `json:"text"`
	Analysis string    `json:"analysis,omitempty" format:"uuid"` // that found the cause
}

// ItemReasons are stored as JSON text.
type ItemReasons []ItemReason

// Value stores the reasons.
func (r ItemReasons) Value() (driver.Value, error) { return database.JSON[[]ItemReason]{V: r}.Value() }

// Scan reads what Value has stored.
func (r *ItemReasons) Scan(src any) error { return database.ScanJSON(src, (*[]ItemReason)(r)) }

// GormDataType is the column type on both databases.
func (ItemReasons) GormDataType() string { return "text" }

// hash returns the SHA-256 of the document.
func (d Document) hash() (string, error) {
	data, err := database.JSON[Document]{V: d}.MarshalJSON()
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]), err
}

// find returns the item of the id, and false where the document has none.
func (d Document) find(id string) (PlannedItem, bool) {
	for _, i := range d.Items {
		if id != "" && i.ID == id {
			return i, true
		}
	}
	return PlannedItem{}, false
}

// goals returns the values that the items aim at, by indicator.
func (d Document) goals() map[string]float64 {
	goals := map[string]float64{}
	for _, i := range d.Items {
		goals[i.Indicator] = i.ValueGoal
	}
	return goals
}

// complete returns the document, checked against the result that the plan is about, with
// the ids of new items and what each is worth. Items of before keep their reasons.
func (d Document) complete(v index.View, branch string, before Document) (Document, error) {
	card, err := v.Scorecard(branch, "", true)
	if err != nil {
		return d, err
	}
	if card.Score == nil {
		return d, fault.Conflict("not_scored", "党组织“%s”没有得分", "the branch %q has no score", branch)
	}
	nodes := map[string]index.ScorecardNode{}
	for _, n := range card.Nodes {
		nodes[n.Code] = n
	}
	var faults []fault.FieldError
	seen := map[string]bool{}
	items := make([]PlannedItem, len(d.Items))
	for i, x := range d.Items {
		at := "/items/" + strconv.Itoa(i)
		n := v.Scheme().Node(x.Indicator)
		known, there := before.find(x.ID)
		switch {
		case n == nil || len(n.Children) > 0:
			faults = append(faults, fault.Field(at+"/indicator", "unknown_indicator", "指标体系中没有指标“%s”",
				"the scheme has no indicator %q", x.Indicator))
			continue
		case seen[x.Indicator]:
			faults = append(faults, fault.Field(at+"/indicator", "repeated_indicator", "指标“%s”已有提升事项",
				"there is an item for %q already", x.Indicator))
			continue
		case x.ID != "" && (!there || known.Indicator != x.Indicator):
			faults = append(faults, fault.Field(at+"/id", "unknown_item", "方案中没有该指标的此事项",
				"the plan has no such item of this indicator"))
			continue
		}
		seen[x.Indicator] = true
		if there {
			x.Why = known.Why
		}
		if x, err = x.worth(v, branch, *card.Score, nodes[x.Indicator], n); err != nil {
			if !fault.Is(err, fault.KindConflict) && !fault.Is(err, fault.KindInvalid) {
				return d, err
			}
			faults = append(faults, fault.At(at+"/value_goal", "bad_goal", badGoal))
			continue
		}
		if x.Points < 0 {
			faults = append(faults, fault.Field(at+"/value_goal", "goal_below", "这一目标使指数下降 %v 分：请填写不低于现状的目标",
				"this goal lowers the index by %v points: set one that is no worse than the present value", -x.Points))
		}
		items[i] = x
	}
	d.Items = items
	if len(faults) > 0 {
		return d, fault.Broken(faults...)
	}
	return d, nil
}

var badGoal = text.Text{ZH: "目标值不符合该指标的填报要求", EN: "the indicator does not take this value"}

// worth returns the item with what it is worth, and with an id where it has none.
func (x PlannedItem) worth(
	v index.View, branch string, score float64, now index.ScorecardNode, n *scheme.Node,
) (PlannedItem, error) {
	if r := n.Range; r != nil && (r.Min != nil && x.ValueGoal < *r.Min || r.Max != nil && x.ValueGoal > *r.Max) {
		return x, fault.New(fault.KindInvalid, "bad_goal", badGoal)
	}
	then, err := explanation.Predict(v, branch, map[string]float64{x.Indicator: x.ValueGoal})
	if err != nil {
		return x, err
	}
	if x.ID == "" {
		x.ID = database.NewID()
	}
	x.ValueNow, x.ScoreNow = now.Raw, 0
	if now.Score != nil {
		x.ScoreNow = *now.Score
	}
	x.ScoreGoal, x.Points = then.Indicators[x.Indicator], stats.Round(then.Score-score, stats.MaxDecimals)
	if x.Why == nil {
		x.Why = ItemReasons{}
	}
	return x, nil
}

// ownerTables is where the owners of each kind are.
var ownerTables = map[string]string{"person": "people", "office": "offices", "branch": "branches"}

// checkWork refuses owners that the town does not have, other branches than the plan's
// among them, and new due days that have passed: one statement for each kind of owner.
func (d Document) checkWork(ctx context.Context, db *gorm.DB, p Plan) error {
	known := map[ItemOwner]bool{}
	for kind, table := range ownerTables {
		wanted := []string{}
		for _, i := range d.Items {
			if i.Owner.Kind == kind {
				wanted = append(wanted, i.Owner.Code)
			}
		}
		if len(wanted) == 0 {
			continue
		}
		var there []string
		if err := db.WithContext(ctx).Table(table).Where("town_id = ? AND code IN ?", p.TownID, wanted).
			Pluck("code", &there).Error; err != nil {
			return err
		}
		for _, code := range there {
			known[ItemOwner{kind, code}] = true
		}
	}
	var faults []fault.FieldError
	today := day.Of(db.NowFunc())
	for i, x := range d.Items {
		if was, _ := p.Document.V.find(x.ID); x.DueOn < today && x.DueOn != was.DueOn {
			faults = append(faults, improve.PastDay("/items/"+strconv.Itoa(i)+"/due_on"))
		}
		if !known[x.Owner] || x.Owner.Kind == "branch" && x.Owner.Code != p.BranchCode {
			faults = append(faults, fault.Field("/items/"+strconv.Itoa(i)+"/owner/code", "unknown_owner",
				"“%s”不能负责：请填写本镇的人员、挂钩办或本党组织", "%q cannot be responsible for this: name a person or an office of the town, or the branch itself",
				x.Owner.Code))
		}
	}
	if len(faults) > 0 {
		return fault.Broken(faults...)
	}
	return nil
}

// mostItems is how many items are proposed: more is no plan.
const mostItems = 8

// leastPoints is how much a goal must bring to be planned: the cheapest way ends with a
// move of only what is missing.
const leastPoints = 0.05

// ownPlan is the measure that an item is counted under unless the plan names another:
// one village, one plan.
const ownPlan = 2

// generate returns a document proposed from a publication: first what is on the cheapest way
// to the next grade or rank, then what mentors found to be causes, then where the
// branch is weak. The same publication and analyses give the same items.
func generate(ctx context.Context, tx *gorm.DB, v index.View, p Plan, language string) (Document, error) {
	zh, err := basisOf(ctx, v, p.BranchCode, "zh")
	if err != nil {
		return Document{}, err
	}
	en, err := basisOf(ctx, v, p.BranchCode, "en")
	if err != nil {
		return Document{}, err
	}
	gains, err := explanation.GainsOf(ctx, v, p.BranchCode, language)
	if err != nil {
		return Document{}, err
	}
	settings, err := improve.FindSettings(ctx, tx, p.TownID)
	if err != nil {
		return Document{}, err
	}
	g := generator{
		gains: gains, language: language, moves: map[string]float64{},
		item: PlannedItem{
			Measure: ownPlan, Owner: ItemOwner{"branch", p.BranchCode}, DueOn: settings.Document.V.ItemDue(day.Of(tx.NowFunc())),
		},
	}
	for _, m := range cheapest(gains).Steps {
		if m.Points >= leastPoints {
			g.moves[m.Code] = m.To
		}
	}
	g.weak(zh, en, "cheapest_gain")
	if err := g.causes(ctx, tx, p); err != nil {
		return Document{}, err
	}
	g.weak(zh, en, "")
	return Document{Items: g.items}.complete(v, p.BranchCode, Document{})
}

// generator collects the items of a document.
type generator struct {
	gains    explanation.Gains
	language string
	moves    map[string]float64 // on the cheapest way
	item     PlannedItem        // what all have in common
	items    []PlannedItem
}

// weak adds the indicators of the basis that have a reason of the code, or any where
// it is empty.
func (g *generator) weak(zh, en AnalysisBasis, code string) {
	for i, f := range en.Findings {
		if !slices.ContainsFunc(f.Reasons, func(r BasisReason) bool { return code == "" || r.Code == code }) {
			continue
		}
		for j, r := range f.Reasons {
			g.add(f.Indicator, ItemReason{Code: r.Code, Text: text.Text{ZH: zh.Findings[i].Reasons[j].Text, EN: r.Text}})
		}
	}
}

// causes adds what submitted analyses of the result have found.
func (g *generator) causes(ctx context.Context, tx *gorm.DB, p Plan) error {
	var list []Analysis
	err := tx.WithContext(ctx).Where(
		"town_id = ? AND branch_code = ? AND period_code = ? AND publication_number = ? AND state = ?",
		p.TownID, p.BranchCode, p.PeriodCode, p.PublicationNumber, AnalysisSubmitted).Order("id").Find(&list).Error
	for _, a := range list {
		for _, f := range a.Findings {
			g.add(f.Indicator, ItemReason{Code: "cause", Text: text.Same(f.Cause), Analysis: a.ID})
		}
	}
	return err
}

// add adds a reason to the item of the indicator. An item that does not exist
// is made, where there is a better value to aim at and the plan is not full.
func (g *generator) add(indicator string, r ItemReason) {
	i := slices.IndexFunc(g.items, func(x PlannedItem) bool { return x.Indicator == indicator })
	if i >= 0 {
		if !slices.Contains(g.items[i].Why, r) {
			g.items[i].Why = append(g.items[i].Why, r)
		}
		return
	}
	n := slices.IndexFunc(g.gains.Indicators, func(x explanation.Gain) bool { return x.Code == indicator })
	if n < 0 || len(g.items) == mostItems {
		return
	}
	goal, ok := g.goal(g.gains.Indicators[n])
	if !ok {
		return
	}
	x := g.item
	x.Indicator, x.ValueGoal, x.Why = indicator, goal, ItemReasons{r}
	x.Action = text.F("将%[1]s改进到目标 %[2]s", "bring %[1]s to %[2]s", g.gains.Indicators[n].Name,
		amount(goal, g.gains.Indicators[n].Unit)).In(g.language)
	g.items = append(g.items, x)
}

// goal returns the value to aim at: that on the cheapest way, or the nearest of the next
// step, the median of the class and full marks that brings enough.
func (g *generator) goal(n explanation.Gain) (float64, bool) {
	if to, ok := g.moves[n.Code]; ok {
		return to, true
	}
	for _, r := range []*explanation.PossibleValue{n.Next, n.Median, n.Goal} {
		if r != nil && r.Points >= leastPoints {
			return r.Value, true
		}
	}
	return 0, false
}
