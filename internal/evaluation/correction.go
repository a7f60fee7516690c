package evaluation

import (
	"context"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/datafile"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/policy"
	"bulwark/internal/scheme"
	"bulwark/internal/town"
	"bulwark/pkg/composite"
)

// Correction changes one approved value of a published period or takes it away, takes back
// earlier corrections of a code, or adds or cancels an adjustment: nothing else does. It is
// never changed; the last correction of a code is the one that counts.
type Correction struct {
	TownID            string `gorm:"primaryKey" json:"-"`
	PeriodCode        string `gorm:"primaryKey" json:"period" example:"2023Q2"`
	Number            int64  `gorm:"primaryKey" json:"number" example:"1"` // 1, 2, … within the period
	PublicationNumber int64  `json:"publication" example:"2"`              // that shows it first
	BranchCode        string `json:"branch" example:"b07"`
	// of an indicator or quantity, or of an adjustment
	Code       string `json:"code" example:"organisation.01"`
	Adjustment string `json:"adjustment,omitempty" enums:"add,cancel"` // absent: a value is corrected
	// of a rated indicator what all ratings together come to
	Value         *float64 `json:"value,omitempty" example:"96.5"`
	Level         *string  `json:"level,omitempty"`          // instead of a value
	NotApplicable bool     `json:"not_applicable,omitempty"` // instead of a value
	// instead of a value: value takes the value away, so that there is none; correction takes back what earlier
	// corrections say of the code, so that what the sheets report counts again
	Removes string `json:"removes,omitempty" enums:"value,correction"`
	// the value before: a number, a level, n/a, or empty where there was none
	Replaces string `json:"replaces" example:"69.5"`
	Reason   string `json:"reason" example:"minutes were overlooked"`
	Evidence string `json:"evidence,omitempty"`
	// absent: the leading group found the mistake itself
	AppealID  *string   `json:"appeal,omitempty" format:"uuid"`
	MadeBy    string    `json:"made_by" example:"group-1"`
	CreatedAt time.Time `json:"created_at"`
}

// The two things that a correction takes away.
const (
	RemoveValue      = "value"      // there is none any more
	RemoveCorrection = "correction" // what the sheets report counts again
)

// The two things that a correction does to an adjustment.
const (
	AddAdjustment    = "add"    // one more of the item
	CancelAdjustment = "cancel" // one less
)

// ListCorrections returns the corrections behind the publications of the periods, in
// the order of their making: up to the publication through, or all where that is 0. Those
// of publications that were withdrawn before count in nothing, and are not among them.
func ListCorrections(
	ctx context.Context, db *gorm.DB, townID string, periods []string, through int64,
) ([]Correction, error) {
	q := db.WithContext(ctx).Where("town_id = ? AND period_code IN ?", townID, periods).
		Where(`NOT EXISTS (SELECT 1 FROM withdrawals w WHERE w.town_id = corrections.town_id
	AND w.period_code = corrections.period_code AND w.publication_number = corrections.publication_number
	AND (? = 0 OR w.last_number < ?))`, through, through)
	if through > 0 {
		q = q.Where("publication_number <= ?", through)
	}
	var list []Correction
	err := q.Order("period_code, number").Find(&list).Error
	return list, err
}

// For returns the correction as the caller sees it: with the role of who made it where he
// or she may not read people.
func (c Correction) For(p access.Principal) Correction {
	c.MadeBy = p.Told(c.MadeBy, policy.LeadingGroup)
	return c
}

// correct sets corrections of values over what the sheets report.
func (s reportedValues) correct(list []Correction) {
	for _, c := range list {
		if c.Adjustment != "" {
			continue
		}
		key := [2]string{c.BranchCode, c.Code}
		if s[key] == nil {
			s[key] = &report{branch: c.BranchCode, code: c.Code}
		}
		if s[key].corrected = nil; c.Removes != RemoveCorrection {
			s[key].corrected = &ValueInSheet{Value: c.Value, Level: c.Level, NotApplicable: c.NotApplicable}
		}
	}
}

// asText returns what is reported about a code of a branch, as a data file writes it: empty
// where nothing is. Several ratings are written as what they come to.
func (s reportedValues) asText(c *scheme.Compiled, branch, code string) string {
	r := s[[2]string{branch, code}]
	if r == nil {
		return ""
	}
	last := r.effective()
	if n := c.Node(code); n != nil && n.Entry == scheme.Rated && r.corrected == nil {
		x, waived := r.raw(n)
		if last = (ValueInSheet{NotApplicable: waived}); x == x { // not NaN
			last.Value = &x
		}
	}
	switch {
	case last.NotApplicable:
		return "n/a"
	case last.Level != nil:
		return *last.Level
	case last.Value != nil:
		return strconv.FormatFloat(*last.Value, 'g', -1, 64)
	}
	return ""
}

// corrections returns those of one period; before it is published there are none.
func (p Period) corrections(ctx context.Context, db *gorm.DB) ([]Correction, error) {
	byPeriod, err := correctionsOf(ctx, db, []Period{p})
	return byPeriod[p.Code], err
}

// correctionsOf reads the corrections of periods of one town in one statement, or
// in none where none is published.
func correctionsOf(ctx context.Context, db *gorm.DB, periods []Period) (map[string][]Correction, error) {
	var codes []string
	for _, p := range periods {
		if p.State == Published || p.State == Final {
			codes = append(codes, p.Code)
		}
	}
	if len(codes) == 0 {
		return nil, nil
	}
	list, err := ListCorrections(ctx, db, periods[0].TownID, codes, 0)
	byPeriod := map[string][]Correction{}
	for _, c := range list {
		byPeriod[c.PeriodCode] = append(byPeriod[c.PeriodCode], c)
	}
	return byPeriod, err
}

// correctAdjustments adds items, and cancels one each.
func (t *table) correctAdjustments(list []Correction) {
	for _, c := range list {
		u, ok := t.unit[c.BranchCode]
		item := composite.Adjustment{Unit: u, Code: c.Code}
		switch at := slices.Index(t.Adjustments, item); {
		case !ok:
		case c.Adjustment == AddAdjustment:
			t.Adjustments = append(t.Adjustments, item)
		case c.Adjustment == CancelAdjustment && at >= 0:
			t.Adjustments = slices.Delete(t.Adjustments, at, at+1)
		}
	}
}

// Correct returns what was published of a period with the corrections applied, and the
// corrections with what each replaces. Nothing but the corrections changes: they are
// checked against the rules of entries, with every fault in the error, and refused where
// the sheets, adjustments and corrections that are stored no longer add up to what was
// published. Nothing is stored. Nobody corrects a branch that he or she leads.
func Correct(
	ctx context.Context, tx *gorm.DB, p Period, published PublishedValues, list []Correction,
) (_ datafile.Values, _ []Correction, err error) {
	defer fault.Wrap(&err, "corrections of %s", p.Code)
	none := datafile.Values{}
	if err := refuseOwnBranches(ctx, tx, p, list); err != nil {
		return none, nil, err
	}
	reported, err := readReported(ctx, tx, p, published.Scheme, "")
	if err != nil {
		return none, nil, err
	}
	stored, err := p.corrections(ctx, tx)
	if err != nil {
		return none, nil, err
	}
	reported.correct(stored)
	t := newTable(published.Scheme, published.Branches)
	t.fill(reported)
	if err := t.adjust(ctx, tx, p, stored); err != nil {
		return none, nil, err
	}
	if err := t.refuseDifferent(ctx, tx, p, published, stored); err != nil {
		return none, nil, err
	}
	t.Values = published.Values
	if faults := append(t.check(list), t.checkRemovals(reported, list)...); len(faults) > 0 {
		return none, nil, fault.Broken(faults...)
	}
	if err := refuseRepeated(ctx, tx, p, t.scheme.Document.Adjustments, list); err != nil {
		return none, nil, err
	}
	t.sortAdjustments()
	list = slices.Clone(list)
	for i, correction := range list {
		if correction.Adjustment == "" {
			list[i].Replaces = reported.asText(t.scheme, correction.BranchCode, correction.Code)
		}
	}
	reported.correct(list)
	for _, correction := range list {
		if correction.Adjustment == "" {
			t.correct(reported, correction)
		}
	}
	return t.Values, list, nil
}

// claim returns the adjustment that the correction adds. Its kind is left out: the code of
// an item is of one kind.
func (c Correction) claim() Adjustment {
	return Adjustment{
		TownID: c.TownID, ID: "corrections/" + c.PeriodCode + "/" + strconv.FormatInt(c.Number, 10), PeriodCode: c.PeriodCode,
		BranchCode: c.BranchCode, ItemCode: c.Code, Reason: c.Reason, Evidence: c.Evidence, DecidedBy: c.MadeBy,
		DecisionReason: c.Reason, Versioned: database.Versioned{UpdatedAt: c.CreatedAt},
	}
}

// refuseRepeated asks about a correction that adds an adjustment whose evidence has served
// another one already, or one before it in the list.
func refuseRepeated(ctx context.Context, tx *gorm.DB, p Period, items scheme.Adjustments, list []Correction) error {
	if ctx.Value(acknowledgedKey{}) != nil {
		return nil
	}
	var codes []string
	for _, c := range list {
		if c.Adjustment == AddAdjustment {
			codes = append(codes, c.Code)
		}
	}
	if len(codes) == 0 {
		return nil
	}
	known, err := counted(ctx, tx, p.TownID, codes)
	if err != nil {
		return err
	}
	isBonus := func(code string) bool {
		return slices.ContainsFunc(items.Bonus.Items, func(i scheme.Item) bool { return i.Code == code })
	}
	for i, c := range list {
		if c.Adjustment != AddAdjustment {
			continue
		}
		c.PeriodCode, c.Number = p.Code, int64(-i-1) // not stored yet
		a := c.claim()
		if isBonus(c.Code) {
			a.Kind = "bonus"
		}
		if at := slices.IndexFunc(known, a.repeats); at >= 0 {
			return repeatedEvidence(known[at])
		}
		a.UpdatedAt, a.DecidedBy = tx.NowFunc(), audit.ActorOf(ctx).Name
		known = append(known, a)
	}
	return nil
}

// PublishedValues are what a period was published with.
type PublishedValues struct {
	Scheme   *scheme.Compiled
	Branches []town.Branch // of the lines of the values
	Values   datafile.Values
	// OtherEngine: the values were combined and derived by another engine than this one.
	OtherEngine bool
}

// correct sets the indicators that the value of the correction is, or is a part of.
func (t *table) correct(reported reportedValues, c Correction) {
	u := t.unit[c.BranchCode]
	for i, n := range t.scheme.Indicators {
		part := n.Derive != nil && (c.Code == n.Derive.Numerator || c.Code == n.Derive.Denominator)
		if c.Code != n.Code && !part {
			continue
		}
		value, waived := t.cell(reported, i, u)
		t.Data.Columns[i][u] = value
		if t.Data.NotApplicable[i] == nil { // of a file without any
			t.Data.NotApplicable[i] = make([]bool, len(t.branches))
		}
		t.Data.NotApplicable[i][u] = waived
	}
}

// refuseDifferent returns a refusal with each value of the table that was published
// otherwise. What is carried over is compared with nothing: the earlier period may have
// been amended since.
func (t *table) refuseDifferent(
	ctx context.Context, tx *gorm.DB, p Period, published PublishedValues, stored []Correction,
) error {
	now := t.Values
	now.Data.Carried, now.Ages = published.Values.Data.Carried, published.Values.Ages
	list := datafile.Differences(t.scheme, &datafile.File{Values: published.Values}, &datafile.File{Values: now})
	if published.OtherEngine {
		list = slices.DeleteFunc(list, t.byEngineAlone)
	}
	if len(list) == 0 {
		return nil
	}
	places := make([]fault.FieldError, len(list))
	for i, d := range list {
		b := t.branches[d.Unit].Code
		if d.Column == datafile.AdjustmentsColumn {
			places[i] = fault.Differs("adjustments", b, "state", d.Before, d.After)
			continue
		}
		codes := t.codesOf(d.Column)
		if slices.ContainsFunc(stored, func(c Correction) bool {
			return c.BranchCode == b && c.Adjustment == "" && slices.Contains(codes, c.Code)
		}) {
			places[i] = fault.Differs("corrections", b+"/"+d.Column, "value", d.Before, d.After)
			continue
		}
		sheets, err := sheetsWith(ctx, tx, p, b, codes)
		if err != nil {
			return err
		}
		key := strings.Join(append([]string{b}, append(sheets, d.Column)...), "/")
		places[i] = fault.Differs("entries", key, "value", d.Before, d.After)
	}
	return fault.PublishedDataDiffers(places...)
}

// byEngineAlone reports whether two engines make the two cells of the same entries: they
// differ in the noise of binary fractions, or one has 0 of 0 as missing.
func (t *table) byEngineAlone(d datafile.Difference) bool {
	n := t.scheme.Node(d.Column)
	if n == nil || n.Entry == scheme.Reported {
		return false
	}
	before, err := strconv.ParseFloat(d.Before, 64)
	after, err2 := strconv.ParseFloat(d.After, 64)
	if err != nil || err2 != nil {
		return n.Entry == scheme.Derived && d.Before == "" && d.After == "n/a"
	}
	return math.Abs(before-after) <= 1e-11*math.Max(math.Abs(before), 1e-1)
}

// codesOf returns the code of an indicator and of the quantities that it is computed from.
func (t *table) codesOf(indicator string) []string {
	codes := []string{indicator}
	if n := t.scheme.Node(indicator); n != nil && n.Derive != nil {
		codes = append(codes, n.Derive.Numerator, n.Derive.Denominator)
	}
	return codes
}

// sheetsWith returns the ids of the approved sheets of the branch that have any of the
// codes.
func sheetsWith(ctx context.Context, tx *gorm.DB, p Period, branch string, codes []string) (ids []string, err error) {
	err = tx.WithContext(ctx).Raw(`SELECT DISTINCT s.id
FROM evaluations s JOIN entries e ON e.town_id = s.town_id AND e.evaluation_id = s.id AND e.revision = s.revision
WHERE s.town_id = ? AND s.period_code = ? AND s.branch_code = ? AND s.state = ? AND e.code IN ? ORDER BY s.id`,
		p.TownID, p.Code, branch, Approved, codes).Scan(&ids).Error
	return ids, err
}

// refuseOwnBranches refuses corrections of branches to which the caller had a tie since the
// period began.
func refuseOwnBranches(ctx context.Context, tx *gorm.DB, p Period, list []Correction) error {
	ties, err := access.PrincipalFrom(ctx).TiesIn(ctx, tx, p.TownID, policy.DecideAppeals)
	if err != nil {
		return err
	}
	v := viewer{Caller: access.Caller{Ties: ties, Today: day.Of(tx.NowFunc())}, periods: map[string]Period{p.Code: p}}
	for _, c := range list {
		if err := v.refuseTied(c.BranchCode, p.Code); err != nil {
			return err
		}
	}
	return nil
}

// check lists what is wrong with the corrections, by branch for the values, since
// the rules of a sheet are about one branch.
func (t *table) check(list []Correction) []fault.FieldError {
	var faults []fault.FieldError
	perBranch := make([]*entryCheck, len(t.branches))
	entries := make([][]Entry, len(t.branches))
	for i, c := range list {
		at := "/corrections/" + strconv.Itoa(i)
		u, ok := t.unit[c.BranchCode]
		if !ok {
			faults = append(faults, fault.Field(at+"/branch", "unknown_branch",
				"已公布的结果中没有党组织“%s”", "there is no branch %q in the published result", c.BranchCode))
			continue
		}
		if c.Adjustment != "" {
			faults = append(faults, t.checkAdjustment(at, u, c)...)
			continue
		}
		if c.Removes != "" { // see checkRemovals
			continue
		}
		if perBranch[u] == nil {
			perBranch[u] = &entryCheck{
				scheme: t.scheme, branch: t.branches[u], settled: true, seen: map[string]bool{}, at: map[string]string{},
			}
		}
		e := Entry{Code: c.Code, Value: c.Value, Level: c.Level, NotApplicable: c.NotApplicable, Evidence: c.Evidence}
		perBranch[u].entry(at, e)
		entries[u] = append(entries[u], e)
	}
	for u, v := range perBranch {
		if v != nil {
			faults = append(faults, append(v.faults, v.refusedByRules(entries[u])...)...)
		}
	}
	return faults
}

// checkRemovals lists what is wrong with the corrections that take something away: there
// must be something to take away, and nothing else in the list may be about it.
func (t *table) checkRemovals(reported reportedValues, list []Correction) (faults []fault.FieldError) {
	for i, c := range list {
		if _, ok := t.unit[c.BranchCode]; !ok || c.Removes == "" {
			continue
		}
		at, r := "/corrections/"+strconv.Itoa(i), reported[[2]string{c.BranchCode, c.Code}]
		switch {
		case c.Adjustment != "" || c.Value != nil || c.Level != nil || c.NotApplicable:
			faults = append(faults, fault.Field(at+"/removes", "value_and_removal",
				"不能既更正又移除", "take something away or correct it, not both"))
		case slices.ContainsFunc(list[:i], func(o Correction) bool {
			return o.BranchCode == c.BranchCode && o.Code == c.Code
		}) || slices.ContainsFunc(list[i+1:], func(o Correction) bool {
			return o.Removes == "" && o.BranchCode == c.BranchCode && o.Code == c.Code
		}):
			faults = append(faults, fault.Field(at+"/code", "named_twice", "“%s”出现两次", "%q is named twice", c.Code))
		case c.Removes == RemoveCorrection && (r == nil || r.corrected == nil):
			faults = append(faults, fault.Field(at+"/code", "no_correction",
				"该党组织的“%s”没有更正可以取消", "no correction of %q of the branch counts, so none can be taken back", c.Code))
		case reported.asText(t.scheme, c.BranchCode, c.Code) == "" && c.Removes == RemoveValue:
			faults = append(faults, fault.Field(at+"/code", "no_value",
				"该党组织的“%s”没有数值可以移除", "the branch has no value of %q to take away", c.Code))
		}
	}
	return faults
}

// checkAdjustment also keeps count: what is cancelled twice must be there twice.
func (t *table) checkAdjustment(at string, unit int, c Correction) []fault.FieldError {
	if c.Value != nil || c.Level != nil || c.NotApplicable {
		return []fault.FieldError{fault.Field(at+"/adjustment", "value_and_adjustment",
			"不能既更正数值又增减加减分项目", "correct a value or an adjustment, not both")}
	}
	if !t.scheme.HasAdjustment(c.Code) {
		return []fault.FieldError{fault.Field(at+"/code", "unknown_item",
			"指标体系中没有加减分或否决项目“%s”", "the scheme has no bonus, deduction or veto %q", c.Code)}
	}
	item := composite.Adjustment{Unit: unit, Code: c.Code}
	if c.Adjustment == CancelAdjustment && !slices.Contains(t.Adjustments, item) {
		return []fault.FieldError{fault.Field(at+"/code", "nothing_to_cancel",
			"该党组织没有已通过的项目“%s”可撤销", "the branch has no approved %q to cancel", c.Code)}
	}
	t.correctAdjustments([]Correction{c})
	return nil
}
