package access

import (
	"context"
	"errors"

	"gorm.io/gorm"

	"bulwark/internal/fault"
)

// FindLinked gives the account that is linked to an outside identity. Nobody
// gets an account by being known elsewhere. A disabled account comes with its
// refusal, for the log alone.
func FindLinked(ctx context.Context, db *gorm.DB, issuer, subject string) (Account, error) {
	var a Account
	err := db.WithContext(ctx).Where("issuer = ? AND subject = ?", issuer, subject).Take(&a).Error
	switch {
	case errors.Is(err, gorm.ErrRecordNotFound):
		return Account{}, fault.Forbidden("not_linked",
			"没有账号关联此外部身份（%s），请管理员用 PUT /accounts 关联", "no account is linked to this identity (%s): ask an administrator to link one by PUT /accounts", subject)
	case err != nil:
		return Account{}, err
	case a.DisabledAt != nil:
		return a, errBadSignIn
	}
	return a, nil
}
