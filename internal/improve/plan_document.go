package improve

import (
	"crypto/sha256"
	"database/sql/driver"
	"encoding/hex"
	"strconv"

	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/index"
	"bulwark/internal/scheme"
	"bulwark/internal/text"
	"bulwark/pkg/composite/stats"
)

// PlanDocument is what an improvement plan says. The items come in the order in which
// the plan names them.
type PlanDocument struct {
	Summary string        `json:"summary,omitempty"`
	Items   []PlannedItem `json:"items"`
}

// PlannedItem is one thing to do (提升事项), and the gap of an indicator that it
// closes. A categorical indicator has the place of its level as value.
type PlannedItem struct {
	ID        string      `gorm:"primaryKey" json:"id" format:"uuid"` // stays from version to version
	Indicator string      `json:"indicator" example:"governance.01"`
	ValueNow  *float64    `json:"value_now,omitempty"` // of the result that the plan is about
	ScoreNow  float64     `json:"score_now"`
	ValueGoal float64     `json:"value_goal" example:"92"`
	ScoreGoal float64     `json:"score_goal"`          // of the indicator at the goal, to nine decimals: a published score is held against it
	Points    float64     `json:"points"`              // of the index, if this item alone reaches its goal
	Measure   int64       `json:"measure" example:"2"` // 1 to 7
	Action    string      `json:"action"`              // what is done
	Owner     ItemOwner   `gorm:"embedded;embeddedPrefix:owner_" json:"owner"`
	DueOn     day.Date    `json:"due_on" swaggertype:"string" format:"date"`
	Cost      float64     `json:"cost"` // in yuan
	Why       ItemReasons `json:"why"`  // why it is in the plan
}

// ItemOwner is who answers for an item.
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

// hash names the document by its content.
func (d PlanDocument) hash() (string, error) {
	data, err := database.JSON[PlanDocument]{V: d}.MarshalJSON()
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]), err
}

// find gives the item of the id, and false where the document has none.
func (d PlanDocument) find(id string) (PlannedItem, bool) {
	for _, i := range d.Items {
		if id != "" && i.ID == id {
			return i, true
		}
	}
	return PlannedItem{}, false
}

// goals are the values that the items aim at, by indicator.
func (d PlanDocument) goals() map[string]float64 {
	goals := map[string]float64{}
	for _, i := range d.Items {
		goals[i.Indicator] = i.ValueGoal
	}
	return goals
}

// complete checks the document against the result that the plan is about, gives new
// items their ids, and works out what each is worth. The items of before keep what
// only the service says of them.
func (d PlanDocument) complete(v index.View, branch string, before PlanDocument) (PlanDocument, error) {
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
			faults = append(faults, fault.Field(at+"/indicator", "unknown_indicator", "指标体系中没有指标“%s”", "the scheme has no indicator %q", x.Indicator))
			continue
		case seen[x.Indicator]:
			faults = append(faults, fault.Field(at+"/indicator", "repeated_indicator", "指标“%s”已有提升事项", "there is an item for %q already", x.Indicator))
			continue
		case x.ID != "" && (!there || known.Indicator != x.Indicator):
			faults = append(faults, fault.Field(at+"/id", "unknown_item", "方案中没有该指标的此事项", "the plan has no such item of this indicator"))
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
			faults = append(faults, fault.Field(at+"/value_goal", "bad_goal", "目标值不符合该指标的填报要求", "the indicator does not take this value"))
			continue
		}
		if x.Points < 0 {
			faults = append(faults, fault.Field(at+"/value_goal", "goal_below", "这一目标使指数下降 %v 分：请填写不低于现状的目标", "this goal costs %v points of the index: aim at no less than now", -x.Points))
		}
		items[i] = x
	}
	d.Items = items
	if len(faults) > 0 {
		return d, fault.Broken(faults...)
	}
	return d, nil
}

// worth fills in what the item is worth, and its id where it has none.
func (x PlannedItem) worth(v index.View, branch string, score float64, now index.ScorecardNode, n *scheme.Node) (PlannedItem, error) {
	if r := n.Range; r != nil && (r.Min != nil && x.ValueGoal < *r.Min || r.Max != nil && x.ValueGoal > *r.Max) {
		return x, fault.Broken()
	}
	then, err := v.Predict(branch, map[string]float64{x.Indicator: x.ValueGoal})
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
