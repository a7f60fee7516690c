package credential

import (
	"context"

	"gorm.io/gorm"

	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/fault"
)

// Working returns the addresses of the accounts by which people of the town can sign in and
// of the keys that work, by the codes of the people, each list in the order of names.
func Working(ctx context.Context, db *gorm.DB, townID string, codes []string) (_ map[string][]string, err error) {
	defer fault.Wrap(&err, "credentials in %s", townID)
	working := map[string][]string{}
	var accounts []Account
	err = db.WithContext(ctx).Where("only_town = ? AND person_code IN ? AND disabled_at IS NULL", townID, codes).
		Order("name").Find(&accounts).Error
	if err != nil {
		return nil, err
	}
	for _, a := range accounts {
		working[*a.PersonCode] = append(working[*a.PersonCode], "accounts/"+a.Name)
	}
	var keys []Key
	err = db.WithContext(ctx).Where("person_town = ? AND person_code IN ? AND revoked_at IS NULL", townID, codes).
		Where("expires_at IS NULL OR expires_at > ?", db.NowFunc()).Order("prefix").Find(&keys).Error
	for _, k := range keys {
		working[*k.PersonCode] = append(working[*k.PersonCode], "keys/"+k.Prefix)
	}
	return working, err
}

// Strip takes from the disabled accounts of a person the password and who he or she is for
// an outside provider. The records of it have no values.
func Strip(ctx context.Context, tx *gorm.DB, townID, person string) (err error) {
	defer fault.Wrap(&err, "accounts of %s", person)
	var accounts []Account
	err = tx.WithContext(ctx).Where("only_town = ? AND person_code = ? AND disabled_at IS NOT NULL", townID, person).
		Where("password_hash <> '' OR subject IS NOT NULL").Order("name").Find(&accounts).Error
	if err != nil {
		return err
	}
	for _, a := range accounts {
		columns := map[string]any{"password_hash": "", "issuer": nil, "subject": nil}
		if err := database.UpdateVersioned(tx, &Account{Name: a.Name}, a.Version, columns); err != nil {
			return err
		}
		err := audit.Write(ctx, tx, audit.Change{Town: townID, Action: "account.strip", Subject: "accounts/" + a.Name})
		if err != nil {
			return err
		}
	}
	return nil
}
