package improve

import (
	"context"
	"strconv"

	"gorm.io/gorm"

	"bulwark/internal/fault"
	"bulwark/internal/text"
)

// ownerTables is where the owners of each kind are.
var ownerTables = map[string]string{"person": "people", "office": "offices", "branch": "branches"}

// checkOwners lists the owners that the town does not have: one statement for each
// kind of owner.
func (d PlanDocument) checkOwners(ctx context.Context, db *gorm.DB, townID string) error {
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
		if err := db.WithContext(ctx).Table(table).Where("town_id = ? AND code IN ?", townID, wanted).Pluck("code", &there).Error; err != nil {
			return err
		}
		for _, code := range there {
			known[ItemOwner{kind, code}] = true
		}
	}
	var faults []fault.Field
	for i, x := range d.Items {
		if !known[x.Owner] {
			faults = append(faults, fault.At("/items/"+strconv.Itoa(i)+"/owner/code", "unknown_owner", text.F("本镇没有“%s”", "this town has no such owner %q", x.Owner.Code)))
		}
	}
	if len(faults) > 0 {
		return fault.Broken(faults...)
	}
	return nil
}
