package credential

import (
	"context"
	"slices"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/fault"
	"bulwark/internal/policy"
)

// SetupToken is shown on the terminal of the service, so that its operator can make the
// first administrator, once. Only its hash is stored.
type SetupToken struct {
	SecretHash string `gorm:"primaryKey" json:"-"`
	CreatedAt  time.Time
	EndsAt     time.Time
}

// SetupTime is how long a token is good.
const SetupTime = 24 * time.Hour

var (
	errSetUp    = fault.NotFound("already_set_up", "本系统已有管理员，请登录", "this installation has its administrator: sign in")
	errBadToken = fault.Forbidden("bad_setup_token", "令牌无效、已用过或已过期；用 bulwark setup 取得新令牌",
		"the token is unknown, used or expired: bulwark setup prints a new one")
)

// HasAdmin reports whether somebody can administer the installation: an account
// or a key of an admin, in force and not limited to a town.
func HasAdmin(ctx context.Context, db *gorm.DB) (_ bool, err error) {
	defer fault.Wrap(&err, "look for an administrator")
	keys, err := ListKeys(ctx, db)
	if err != nil {
		return false, err
	}
	for _, k := range keys {
		if slices.Contains(k.Roles, policy.Admin) && len(k.Towns) == 0 && !k.ReadOnly && k.RevokedAt == nil &&
			(k.ExpiresAt == nil || db.NowFunc().Before(*k.ExpiresAt)) {
			return true, nil
		}
	}
	var accounts []Account
	err = db.WithContext(ctx).Where("only_town IS NULL AND disabled_at IS NULL").Find(&accounts).Error
	for _, a := range accounts {
		if slices.Contains(a.Roles, policy.Admin) && (a.PasswordHash != "" || a.Subject != nil) {
			return true, err
		}
	}
	return false, err
}

// NewSetupToken returns a new token while there is no administrator; otherwise the error
// is NotFound.
func NewSetupToken(ctx context.Context, db *gorm.DB) (_ string, err error) {
	defer fault.Wrap(&err, "setup token")
	secret, err := newSecret()
	if err != nil {
		return "", err
	}
	err = database.InTx(ctx, db, func(tx *gorm.DB) error {
		if err := unadministered(ctx, tx); err != nil {
			return err
		}
		now := tx.NowFunc()
		if err := tx.Where("ends_at <= ?", now).Delete(&SetupToken{}).Error; err != nil {
			return err
		}
		if err := tx.Create(&SetupToken{digest(secret), now, now.Add(SetupTime)}).Error; err != nil {
			return err
		}
		return audit.Write(ctx, tx, audit.Change{Action: "setup.token", Subject: "setup"})
	})
	return secret, err
}

// FirstAdmin is the administrator who is made with a token.
type FirstAdmin struct{ Token, Name, Password string }

// SetUp makes the first administrator, once. All tokens are used up by it.
func SetUp(ctx context.Context, db *gorm.DB, passwords *Passwords, first FirstAdmin) (_ Account, err error) {
	defer fault.Wrap(&err, "set up")
	if err := unadministered(ctx, db); err != nil {
		return Account{}, err
	}
	if err := findToken(ctx, db, first.Token); err != nil {
		return Account{}, err // before the password is hashed: strangers cost little
	}
	if faults := append(checkName(first.Name),
		checkPassword("/password", first.Name, first.Password)...); len(faults) > 0 {
		return Account{}, fault.Broken(faults...)
	}
	hash, err := passwords.Hash(ctx, first.Password)
	if err != nil {
		return Account{}, err
	}
	var made Account
	err = database.InTx(ctx, db, func(tx *gorm.DB) error {
		if err := burn(tx, first.Token); err != nil {
			return err
		}
		made, err = CreateAccount(ctx, tx, Account{Name: first.Name, Roles: []policy.Role{policy.Admin}, PasswordHash: hash})
		return err
	})
	return made, err
}

func unadministered(ctx context.Context, db *gorm.DB) error {
	has, err := HasAdmin(ctx, db)
	if err == nil && has {
		err = errSetUp
	}
	return err
}

func findToken(ctx context.Context, db *gorm.DB, token string) error {
	var n int64
	err := db.WithContext(ctx).Model(&SetupToken{}).Where("secret_hash = ? AND ends_at > ?", digest(token),
		db.NowFunc()).Count(&n).Error
	if err == nil && n == 0 {
		err = errBadToken
	}
	return err
}

// burn uses the token up: of two at once, the second waits for the first and
// finds nothing. The other tokens go with it.
func burn(tx *gorm.DB, token string) error {
	done := tx.Where("secret_hash = ? AND ends_at > ?", digest(token), tx.NowFunc()).Delete(&SetupToken{})
	if done.Error == nil && done.RowsAffected == 0 {
		return errBadToken
	}
	if done.Error != nil {
		return done.Error
	}
	return tx.Where("ends_at > ?", time.Time{}).Delete(&SetupToken{}).Error
}
