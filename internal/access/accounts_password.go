package access

import (
	"context"
	"strings"

	"gorm.io/gorm"

	"bulwark/internal/database"
	"bulwark/internal/fault"
)

// errBadSignIn is the one answer to a wrong password, a disabled account, one
// without a password and one that does not exist.
var errBadSignIn = fault.Unauthenticated("bad_sign_in",
	"账号或密码不对，或账号已停用；忘记密码请联系管理员", "the account or the password is wrong, or the account is disabled; ask an administrator for a new password")

// CheckPassword finds the account that name and password open. All reasons to
// refuse read alike and cost the same work; with them comes the account where
// there is one, for the log alone.
func CheckPassword(ctx context.Context, db *gorm.DB, passwords *Passwords, name, password string) (Account, error) {
	a, err := FindAccount(ctx, db, strings.ToLower(name))
	if err != nil && !fault.Is(err, fault.KindNotFound) {
		return Account{}, err
	}
	same, failed := passwords.Match(ctx, password, a.PasswordHash)
	switch {
	case failed != nil:
		return Account{}, failed
	case err != nil || !same || a.DisabledAt != nil:
		return a, errBadSignIn
	}
	return a, nil
}

// ResetPassword gives the account a random password, which it returns and which
// must be changed before anything else. It ends the sessions of the account.
func ResetPassword(ctx context.Context, db *gorm.DB, passwords *Passwords, name string, version int64) (Account, string, error) {
	password := randomPassword()
	a, err := SetPassword(ctx, db, passwords, name, password, true, version)
	if err != nil {
		return Account{}, "", err
	}
	return a, password, nil
}

// SetPassword replaces the password of an account and ends its sessions.
func SetPassword(ctx context.Context, db *gorm.DB, passwords *Passwords, name, password string, mustChange bool, version int64) (a Account, err error) {
	hash, err := hashNew(ctx, passwords, name, password)
	if err != nil {
		return Account{}, err
	}
	err = database.InTx(ctx, db, func(tx *gorm.DB) error {
		a, err = storePassword(ctx, tx, name, hash, mustChange, version)
		return err
	})
	return a, err
}

// ChangePassword replaces the caller's own password, given the old one. All
// sessions of the account end but the one whose secret is given.
func ChangePassword(ctx context.Context, db *gorm.DB, passwords *Passwords, name, old, password, session string) (Account, error) {
	before, err := CheckPassword(ctx, db, passwords, name, old)
	if err != nil {
		return Account{}, wrongOld(err)
	}
	if old == password {
		return Account{}, fault.Broken(fault.Field("/password", "unchanged", "新密码须与旧密码不同", "the new password is the old one: choose another"))
	}
	hash, err := hashNew(ctx, passwords, name, password)
	if err != nil {
		return Account{}, err
	}
	var a Account
	err = database.InTx(ctx, db, func(tx *gorm.DB) error {
		if a, err = storePassword(ctx, tx, name, hash, false, before.Version); err != nil {
			return err
		}
		return tx.Model(&Session{}).Where("secret_hash = ? AND account_version = ?", digest(session), before.Version).Update("account_version", a.Version).Error
	})
	return a, err
}

// hashNew checks and hashes a new password. Call it outside of transactions: it
// takes long, and SQLite lets one write at a time.
func hashNew(ctx context.Context, passwords *Passwords, name, password string) (string, error) {
	if faults := checkPassword("/password", name, password); len(faults) > 0 {
		return "", fault.Broken(faults...)
	}
	return passwords.Hash(ctx, password)
}

func storePassword(ctx context.Context, tx *gorm.DB, name, hash string, mustChange bool, version int64) (a Account, err error) {
	before, err := FindAccount(ctx, tx, name)
	if err != nil {
		return Account{}, err
	}
	err = changeAccount(ctx, tx, &a, before, version, "account.password", map[string]any{"password_hash": hash, "must_change": mustChange})
	return a, err
}

// wrongOld is not 401: the caller is known, and a page must not sign him or her out.
func wrongOld(err error) error {
	if !fault.Is(err, fault.KindUnauthenticated) {
		return err
	}
	return fault.Broken(fault.Field("/old", "wrong_password", "旧密码不对", "this is not the present password"))
}
