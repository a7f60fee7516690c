package report

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"bulwark/internal/access"
	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/improve"
	"bulwark/internal/policy"
	"bulwark/internal/text"
)

// Reminder is for whose a duty is: its day comes (visit_due) or has passed
// (visit_overdue). Each kind, subject and day has one, made once; it is withdrawn
// when its cause is gone.
type Reminder struct {
	TownID         string     `gorm:"primaryKey" json:"-"`
	ID             string     `gorm:"primaryKey" json:"id" format:"uuid"`
	Sequence       int64      `json:"sequence" example:"42"` // of its last change in the town
	Kind           string     `json:"kind" enums:"visit_due,visit_overdue,problem_due,problem_overdue,report_due,report_overdue,task_due,task_overdue,analysis_due,analysis_overdue,plan_due,plan_overdue,item_due,item_overdue,sheet_due,sheet_overdue,returned_due,returned_overdue"`
	Subject        string     `json:"subject" example:"problems/0190…"`        // its address below the town
	BranchCode     *string    `json:"branch,omitempty" example:"b07"`          // absent where it is about none
	PersonCode     *string    `json:"person,omitempty" example:"instructor-1"` // whose the duty is, or an office's
	OfficeCode     *string    `json:"office,omitempty" example:"agriculture"`
	DueOn          day.Date   `json:"due_on" swaggertype:"string" format:"date"`
	MadeAt         time.Time  `json:"made_at"`
	WithdrawnAt    *time.Time `json:"withdrawn_at,omitempty"`
	AcknowledgedAt *time.Time `gorm:"-" json:"acknowledged_at,omitempty"` // by the caller
	Message        string     `gorm:"-" json:"message" example:"请于 2023-07-20 前走访该党组织"`
}

// AboutSheets reports whether the reminder is about evaluations that are to be submitted.
func (r Reminder) AboutSheets() bool {
	return strings.HasPrefix(r.Kind, string(SheetDuty)+"_") || strings.HasPrefix(r.Kind, string(ReturnedDuty)+"_")
}

// ReminderHead is the number of the last change of reminders in a town. Who changes
// them holds it until the end of the transaction.
type ReminderHead struct {
	TownID string `gorm:"primaryKey"`
	Last   int64
}

// ReminderReceipt is the acknowledgement of a reminder by one reader.
type ReminderReceipt struct {
	TownID     string `gorm:"primaryKey"`
	ReminderID string `gorm:"primaryKey"`
	Reader     string `gorm:"primaryKey"` // as the trail calls the caller
	At         time.Time
}

// Feed is what changed about the reminders of the caller since a number.
type Feed struct {
	Items []Reminder `json:"items"` // in the order of their sequence
	Next  int64      `json:"next"`  // the value of since for the next request
	More  bool       `json:"more"`  // more changes are there already
}

// FeedQuery is the part of the feed to read: from where on, how far and in which language.
type FeedQuery struct {
	Since    int64 // the number of the last change that is known
	Limit    int
	Language string // of the messages
}

var reminderNoun = text.Text{ZH: "提醒", EN: "reminder"}

var reminderWords = map[string]text.Text{
	"visit_due":        {ZH: "请于 %s 前走访该党组织", EN: "visit the branch by %s"},
	"visit_overdue":    {ZH: "走访已逾期：期限为 %s", EN: "a visit to the branch is overdue since %s"},
	"problem_due":      {ZH: "请于 %s 前解决该难题", EN: "solve the problem by %s"},
	"problem_overdue":  {ZH: "难题已逾期：期限为 %s", EN: "the problem is overdue since %s"},
	"report_due":       {ZH: "请于 %s 前提交汇报", EN: "submit a report by %s"},
	"report_overdue":   {ZH: "汇报已逾期：期限为 %s", EN: "a report is overdue since %s"},
	"task_due":         {ZH: "请于 %s 前完成该任务", EN: "finish the task by %s"},
	"task_overdue":     {ZH: "任务已逾期：期限为 %s", EN: "the task is overdue since %s"},
	"analysis_due":     {ZH: "请于 %s 前提交该提升对象的原因分析", EN: "submit an analysis of the target by %s"},
	"analysis_overdue": {ZH: "提升对象的原因分析已逾期：期限为 %s", EN: "the analysis of the target is overdue since %s"},
	"plan_due":         {ZH: "请于 %s 前使该提升对象的提升方案获得批准", EN: "have the plan of the target approved by %s"},
	"plan_overdue":     {ZH: "提升对象的提升方案已逾期：期限为 %s", EN: "the plan of the target is overdue since %s"},
	"item_due":         {ZH: "请于 %s 前完成该提升事项", EN: "finish the plan item by %s"},
	"item_overdue":     {ZH: "提升事项已逾期：期限为 %s", EN: "the plan item is overdue since %s"},
	"sheet_due":        {ZH: "请于 %s 前提交本考评周期的考评表", EN: "submit the evaluations of the period by %s"},
	"sheet_overdue":    {ZH: "本考评周期的考评表尚未全部提交：期限为 %s", EN: "evaluations of the period are overdue since %s"},
	"returned_due":     {ZH: "请于 %s 前改正并重新提交被退回的考评表", EN: "correct and submit the returned evaluation by %s"},
	"returned_overdue": {ZH: "被退回的考评表尚未改正：期限为 %s", EN: "the correction of the returned evaluation is overdue since %s"},
}

// remindedOf narrows a query to the reminders of the caller: about branches in
// reach, those of duties that are his or her own or those of an office of which he
// or she is a member today, and for a secretary that of the branch's plan and those of
// its items. A task
// goes to who is responsible for it whatever the branch; what is about no branch does
// not go to who is limited to some. Who reads of the whole town gets what is overdue, and of
// the sheets that he or she wrote those to correct.
func remindedOf(ctx context.Context, db *gorm.DB, townID string) (*gorm.DB, error) {
	p, today := access.PrincipalFrom(ctx), day.Of(db.NowFunc())
	reach, err := p.ReachOf(ctx, db, policy.ReadReminders, townID, today)
	if err != nil {
		return nil, err
	}
	q := db.WithContext(ctx).Where("town_id = ?", townID)
	if len(p.Branches) > 0 {
		q = reach.Narrow(q)
	} else if !reach.All {
		q = q.Where("(branch_code IS NULL OR branch_code IN ? OR kind LIKE 'task%')", append(reach.Codes(), ""))
	}
	args := map[string]any{
		"me": p.Person, "town": townID, "today": today, "overdue": "%overdue", "item": "item%", "plan": "plan%",
	}
	mine := "person_code = @me"
	switch {
	case policy.ReadReminders.ScopeFor(p.Role) == policy.All:
		mine = "(kind LIKE @overdue OR kind LIKE 'returned%' AND person_code = @me)"
	case p.Role == policy.Secretary:
		mine += " OR (kind LIKE @item OR kind LIKE @plan) AND person_code IS NULL AND office_code IS NULL"
	case p.Role == policy.Office:
		mine += ` OR office_code IN (SELECT office_code FROM office_members WHERE town_id = @town AND person_code = @me
			AND valid_from <= @today AND (valid_until IS NULL OR valid_until >= @today) AND cancelled_at IS NULL)`
	}
	return q.Where("("+mine+")", args), nil
}

// ListReminders returns the reminders of the caller that changed since the number,
// 0 = all. No change is missed: numbers are given under a lock that is held until
// the change is there to be read, so whoever sees one sees all before it.
func ListReminders(ctx context.Context, db *gorm.DB, townID string, f FeedQuery) (_ Feed, err error) {
	defer fault.Wrap(&err, "reminders of %s", townID)
	feed := Feed{Items: []Reminder{}, Next: f.Since}
	q, err := remindedOf(ctx, db, townID)
	if err != nil {
		return feed, err
	}
	if err := q.Where("sequence > ?", f.Since).Order("sequence").Limit(f.Limit + 1).Find(&feed.Items).Error; err != nil {
		return feed, err
	}
	if feed.More = len(feed.Items) > f.Limit; feed.More {
		feed.Items = feed.Items[:f.Limit]
	}
	if n := len(feed.Items); n > 0 {
		feed.Next = feed.Items[n-1].Sequence
	}
	return feed, addReceipts(ctx, db, townID, f.Language, feed.Items)
}

// addReceipts adds what the caller has acknowledged, and the words.
func addReceipts(ctx context.Context, db *gorm.DB, townID, language string, list []Reminder) error {
	ids := make([]string, len(list))
	for i, r := range list {
		ids[i] = r.ID
		words := reminderWords[r.Kind]
		list[i].Message = text.F(words.ZH, words.EN, r.DueOn).In(language)
	}
	var receipts []ReminderReceipt
	err := db.WithContext(ctx).Where("town_id = ? AND reader = ? AND reminder_id IN ?", townID,
		access.PrincipalFrom(ctx).Name(), append(ids, "")).Find(&receipts).Error
	for _, receipt := range receipts {
		i := slices.Index(ids, receipt.ReminderID)
		if !receipt.At.Before(list[i].MadeAt) { // one that was made anew is new
			list[i].AcknowledgedAt = &receipt.At
		}
	}
	return err
}

// Acknowledge stores that the caller has seen a reminder of his or hers, and returns it.
func Acknowledge(ctx context.Context, db *gorm.DB, townID, id, language string) (_ Reminder, err error) {
	defer fault.Wrap(&err, "acknowledge the reminder %s", id)
	var one []Reminder
	err = database.InTx(ctx, db, func(tx *gorm.DB) error {
		q, err := remindedOf(ctx, tx, townID)
		if err != nil {
			return err
		}
		var r Reminder
		// Locked, so that one reader who acknowledges twice at once writes one receipt.
		err = q.Clauses(clause.Locking{Strength: "NO KEY UPDATE"}).Where("id = ?", id).Take(&r).Error
		if errors.Is(err, gorm.ErrRecordNotFound) {
			return fault.Missing(reminderNoun, id)
		}
		if err != nil {
			return err
		}
		receipt := ReminderReceipt{TownID: townID, ReminderID: id, Reader: access.PrincipalFrom(ctx).Name(), At: tx.NowFunc()}
		if err := tx.Clauses(clause.OnConflict{UpdateAll: true}).Create(&receipt).Error; err != nil {
			return err
		}
		one = []Reminder{r}
		if err := addReceipts(ctx, tx, townID, language, one); err != nil {
			return err
		}
		return audit.Write(ctx, tx, audit.Change{
			Town: townID, Action: "reminder.acknowledge", Subject: "reminders/" + id, After: receipt.At,
		})
	})
	if err != nil {
		return Reminder{}, err
	}
	return one[0], nil
}

// Remind makes and withdraws reminders in every town, as its duties stand today by
// the clock of the handle. It can be called at any time, and by several
// processes at once: each reminder is made once. It returns the number of changes.
func Remind(ctx context.Context, db *gorm.DB) (changes int, err error) {
	var towns []string
	if err := db.WithContext(ctx).Table("towns").Order("code").Pluck("code", &towns).Error; err != nil {
		return 0, err
	}
	var failed []error
	for _, townID := range towns {
		n, err := remindTown(ctx, db, townID)
		if err != nil {
			failed = append(failed, fmt.Errorf("remind %s: %w", townID, err))
		}
		changes += n
	}
	return changes, errors.Join(failed...)
}

// remindTown makes and withdraws the reminders of a town. It looks first without a lock,
// because mostly there is nothing to do.
func remindTown(ctx context.Context, db *gorm.DB, townID string) (n int, err error) {
	var found []Reminder
	err = database.ReadTx(ctx, db, func(tx *gorm.DB) error {
		found, err = changedReminders(ctx, tx, townID)
		return err
	})
	if err != nil || len(found) == 0 {
		return 0, err
	}
	err = database.InTx(ctx, db, func(tx *gorm.DB) error {
		last, err := holdReminders(ctx, tx, townID)
		if err != nil {
			return err
		}
		if found, err = changedReminders(ctx, tx, townID); err != nil { // somebody may have been faster
			return err
		}
		for i := range found {
			found[i].Sequence = last + int64(i) + 1
			if err := tx.Clauses(clause.OnConflict{UpdateAll: true}).Create(&found[i]).Error; err != nil {
				return err
			}
		}
		n = len(found)
		return tx.Model(&ReminderHead{}).Where("town_id = ?", townID).Update("last", last+int64(n)).Error
	})
	return n, err
}

// holdReminders takes the lock under which reminders of the town are numbered, and
// returns the last number.
func holdReminders(ctx context.Context, tx *gorm.DB, townID string) (last int64, err error) {
	if err := tx.WithContext(ctx).Clauses(clause.OnConflict{DoNothing: true}).
		Create(&ReminderHead{TownID: townID}).Error; err != nil {
		return 0, err
	}
	var head ReminderHead
	err = tx.WithContext(ctx).Clauses(clause.Locking{Strength: "NO KEY UPDATE"}).Where("town_id = ?", townID).
		Take(&head).Error
	return head.Last, err
}

// reminderKey is what there is one reminder of.
type reminderKey struct {
	kind, subject string
	due           day.Date
}

// changedReminders returns those to be made, or to be withdrawn, for what is stored to
// agree with what is to be done today.
func changedReminders(ctx context.Context, tx *gorm.DB, townID string) (changed []Reminder, err error) {
	now := tx.NowFunc()
	settings, duties, err := dutiesOf(ctx, tx, townID, day.Of(now))
	if err != nil {
		return nil, err
	}
	earliest := day.Latest // of the withdrawn ones that may be needed again
	if len(duties) > 0 {
		earliest = duties[0].DueOn
	}
	var stored []Reminder
	q := tx.WithContext(ctx).Where("town_id = ? AND (withdrawn_at IS NULL OR due_on >= ?)", townID, earliest)
	if err := q.Order("sequence").Find(&stored).Error; err != nil {
		return nil, err
	}
	had := make(map[reminderKey]Reminder, len(stored))
	for _, r := range stored {
		had[reminderKey{r.Kind, r.Subject, r.DueOn}] = r
	}
	for _, d := range duties {
		suffix := d.suffix(settings, day.Of(now))
		if suffix == "" {
			continue
		}
		key := reminderKey{string(d.Kind) + suffix, d.Subject, d.DueOn}
		r, there := had[key]
		delete(had, key)
		if there && r.WithdrawnAt == nil && deref(r.PersonCode) == deref(d.Person) && deref(r.OfficeCode) == deref(d.Office) {
			continue
		}
		if !there {
			r = Reminder{
				TownID: townID, ID: database.NewID(), Kind: key.kind, Subject: key.subject, BranchCode: d.about(), DueOn: key.due,
			}
		}
		r.PersonCode, r.OfficeCode, r.MadeAt, r.WithdrawnAt = d.Person, d.Office, now, nil
		changed = append(changed, r)
	}
	for _, r := range stored { // in order, which the map has not
		if _, left := had[reminderKey{r.Kind, r.Subject, r.DueOn}]; left && r.WithdrawnAt == nil {
			r.WithdrawnAt = &now
			changed = append(changed, r)
		}
	}
	return changed, nil
}

// suffix returns how the kind of the reminder of the duty ends today: due, overdue, or
// empty where there is none yet. Of a returned sheet there is one at once: its evaluator thought
// it done.
func (d Duty) suffix(s improve.Settings, today day.Date) string {
	switch {
	case improve.Overdue(d.DueOn, today):
		return "_overdue"
	case d.Kind == ReturnedDuty || today >= d.DueOn.AddDays(-int(s.WarnBefore)):
		return "_due"
	}
	return ""
}

// ListCurrent returns the reminders of the caller that stand, at most so many, in the order
// of their days: of each the duty is there still.
func ListCurrent(ctx context.Context, db *gorm.DB, townID, language string, limit int) (list []Reminder, err error) {
	defer fault.Wrap(&err, "current reminders of %s", townID)
	q, err := remindedOf(ctx, db, townID)
	if err != nil {
		return nil, err
	}
	if err := q.Where("withdrawn_at IS NULL").Order("due_on, id").Limit(limit).Find(&list).Error; err != nil || len(list) == 0 {
		return nil, err
	}
	settings, duties, err := dutiesOf(ctx, db, townID, day.Of(db.NowFunc()))
	if err != nil {
		return nil, err
	}
	there := map[reminderKey]bool{}
	for _, d := range duties {
		there[reminderKey{string(d.Kind) + d.suffix(settings, day.Of(db.NowFunc())), d.Subject, d.DueOn}] = true
	}
	list = slices.DeleteFunc(list, func(r Reminder) bool { return !there[reminderKey{r.Kind, r.Subject, r.DueOn}] })
	return list, addReceipts(ctx, db, townID, language, list)
}
