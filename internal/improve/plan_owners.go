package improve

import (
	"context"
	"strconv"

	"gorm.io/gorm"

	"bulwark/internal/day"
	"bulwark/internal/fault"
)

// ownerTables is where the owners of each kind are.
var ownerTables = map[string]string{"person": "people", "office": "offices", "branch": "branches"}

// checkWork lists the owners that the town does not have, other branches than the
// plan's among them, and new due days that have passed: one statement for each kind
// of owner.
func (d PlanDocument) checkWork(ctx context.Context, db *gorm.DB, p Plan) error {
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
		if err := db.WithContext(ctx).Table(table).Where("town_id = ? AND code IN ?", p.TownID, wanted).Pluck("code", &there).Error; err != nil {
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
			faults = append(faults, pastDay("/items/"+strconv.Itoa(i)+"/due_on"))
		}
		if !known[x.Owner] || x.Owner.Kind == "branch" && x.Owner.Code != p.BranchCode {
			faults = append(faults, fault.Field("/items/"+strconv.Itoa(i)+"/owner/code", "unknown_owner", "“%s”不能负责：请填写本镇的人员、挂钩办或本党组织", "%q cannot own this: name a person or an office of the town, or the branch itself", x.Owner.Code))
		}
	}
	if len(faults) > 0 {
		return fault.Broken(faults...)
	}
	return nil
}
