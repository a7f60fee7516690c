// Package credential holds what lets people and programs in: keys, accounts, passwords,
// sessions, and the token of the first set-up.
package credential

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/policy"
	"bulwark/internal/text"
	"bulwark/internal/town"
)

// Account is how a person signs in: by name and password, or through an outside
// provider. An account of a person has the roles of that person; any other one has
// roles of its own. Of a password only the hash is stored.
type Account struct {
	Name string `gorm:"primaryKey" json:"name" example:"li.ming"`
	// the one town that it opens; absent = every town
	OnlyTown *string `json:"town,omitempty" example:"demo"`
	// who signs in
	PersonCode *string `json:"person,omitempty" example:"mentor-1"`
	// of an account without a person
	Roles        []policy.Role `gorm:"serializer:json" json:"roles" swaggertype:"array,string" example:"admin"`
	PasswordHash string        `json:"-"`
	MustChange   bool          `json:"must_change"` // nothing else is allowed before
	Issuer       *string       `json:"issuer,omitempty" example:"https://id.example.org"`
	Subject      *string       `json:"subject,omitempty"` // who it is for the issuer
	DisabledAt   *time.Time    `json:"disabled_at,omitempty"`
	database.Versioned
}

// PrincipalOf returns the caller who signs in by the account now: a person under the
// roles to which he or she is appointed today. Without any role the error is Forbidden,
// and the caller is returned all the same: anybody may sign out.
func PrincipalOf(ctx context.Context, db *gorm.DB, a Account) (_ access.Principal, err error) {
	defer fault.Wrap(&err, "account %s", a.Name)
	p := access.Principal{Person: deref(a.PersonCode), Account: a.Name}
	if a.OnlyTown != nil {
		p.Towns = []string{*a.OnlyTown}
	}
	if a.PersonCode == nil {
		return p.Holding(a.Roles...), nil
	}
	roles, err := access.RolesOf(ctx, db, *a.OnlyTown, *a.PersonCode, day.Of(db.NowFunc()))
	if err != nil {
		return access.Principal{}, err
	}
	held, err := withoutWaiting(ctx, db, *a.OnlyTown, "accounts/"+a.Name, roles)
	if err != nil {
		return access.Principal{}, err
	}
	if p = p.Holding(held...); p.Role == "" {
		if waiting, err := a.waitsToDecide(ctx, db, len(held) < len(roles)); err != nil || waiting {
			if err == nil {
				err = errRightWaits
			}
			return p, err
		}
		return p, fault.Forbidden("no_role_now",
			"账号有效，但“%s”今日未被聘任担任任何角色：请联系工作领导小组",
			"the account is valid, but %q is appointed to no role today: ask the leading group", p.Person)
	}
	return p, nil
}

// withoutWaiting returns the roles without the one to decide, where the right to it by
// the subject has not been acknowledged.
func withoutWaiting(
	ctx context.Context, db *gorm.DB, townID, subject string, roles []policy.Role,
) ([]policy.Role, error) {
	if !slices.ContainsFunc(roles, policy.Role.Decides) {
		return roles, nil
	}
	waiting, err := waits(ctx, db, townID, subject)
	if waiting {
		roles = slices.DeleteFunc(slices.Clone(roles), policy.Role.Decides)
	}
	return roles, err
}

// waitsToDecide reports whether the person of the account would have a role if a right
// were acknowledged; dropped is whether that of the account already was not.
func (a Account) waitsToDecide(ctx context.Context, db *gorm.DB, dropped bool) (bool, error) {
	if dropped {
		return true, nil
	}
	var n int64
	err := db.WithContext(ctx).Model(&Right{}).Where("town_id = @town AND person_code = @person AND kind = 'appointment' AND "+access.RightWaits,
		map[string]any{"town": *a.OnlyTown, "person": *a.PersonCode, "now": db.NowFunc()}).Count(&n).Error
	return n > 0, err
}

var accountNoun = text.Text{ZH: "账号", EN: "account"}

// FindAccount returns the account of the name.
func FindAccount(ctx context.Context, db *gorm.DB, name string) (_ Account, err error) {
	defer fault.Wrap(&err, "account %s", name)
	return database.Take[Account](db.WithContext(ctx).Where("name = ?", name), accountNoun, name)
}

// ListAccounts returns the accounts after the name, in the order of names.
func ListAccounts(ctx context.Context, db *gorm.DB, after string, limit int) (_ []Account, err error) {
	defer fault.Wrap(&err, "accounts")
	var accounts []Account
	err = db.WithContext(ctx).Where("name > ?", after).Order("name").Limit(limit).Find(&accounts).Error
	return accounts, err
}

// CreateAccount adds an account that has no password yet.
func CreateAccount(ctx context.Context, db *gorm.DB, a Account) (_ Account, err error) {
	defer fault.Wrap(&err, "write account %s", a.Name)
	if faults := append(checkName(a.Name), checkAccount(a)...); len(faults) > 0 {
		return Account{}, fault.Broken(faults...)
	}
	a.Roles = append([]policy.Role{}, a.Roles...) // an empty list rather than null
	err = database.InTx(ctx, db, func(tx *gorm.DB) error {
		if err := checkOwner(ctx, tx, a); err != nil {
			return err
		}
		a.Versioned = database.Versioned{Version: 1}
		if err := tx.Create(&a).Error; err != nil {
			return taken(err)
		}
		err := audit.Write(ctx, tx,
			audit.Change{Town: deref(a.OnlyTown), Action: "account.create", Subject: "accounts/" + a.Name, After: a})
		if err != nil {
			return err
		}
		return a.give(ctx, tx, "account")
	})
	return a, err
}

// UpdateAccount replaces town, person, roles, outside identity and whether the
// account is disabled. It ends the sessions of the account.
func UpdateAccount(ctx context.Context, db *gorm.DB, a Account, disabled bool, version int64) (_ Account, err error) {
	defer fault.Wrap(&err, "write account %s", a.Name)
	if faults := checkAccount(a); len(faults) > 0 {
		return Account{}, fault.Broken(faults...)
	}
	roles, err := json.Marshal(append([]policy.Role{}, a.Roles...))
	if err != nil {
		return Account{}, err
	}
	err = database.InTx(ctx, db, func(tx *gorm.DB) error {
		before, err := FindAccount(ctx, tx, a.Name)
		if err != nil {
			return err
		}
		if err := checkOwner(ctx, tx, a); err != nil {
			return err
		}
		columns := map[string]any{
			"only_town": a.OnlyTown, "person_code": a.PersonCode, "roles": string(roles), "issuer": a.Issuer,
			"subject": a.Subject, "disabled_at": before.DisabledAt,
		}
		switch {
		case !disabled:
			columns["disabled_at"] = nil
		case before.DisabledAt == nil:
			columns["disabled_at"] = tx.NowFunc()
		}
		if a, err = (accountChange{before, version, "account.update", columns}).apply(ctx, tx); err != nil {
			return err
		}
		switch {
		case disabled:
			return nil
		case a.Subject != nil && (deref(a.Subject) != deref(before.Subject) || deref(a.Issuer) != deref(before.Issuer)):
			return a.give(ctx, tx, "sign_in")
		case before.DisabledAt != nil, deref(a.PersonCode) != deref(before.PersonCode), deref(a.OnlyTown) != deref(before.OnlyTown):
			return a.give(ctx, tx, "account")
		}
		return nil
	})
	return a, err
}

// give stores the right that the account gives its person, where he or she decides.
func (a Account) give(ctx context.Context, tx *gorm.DB, kind string) error {
	if a.PersonCode == nil {
		return nil
	}
	deciding, err := decides(ctx, tx, *a.OnlyTown, *a.PersonCode)
	if err != nil || !deciding {
		return err
	}
	return Give(ctx, tx, Right{TownID: *a.OnlyTown, Kind: kind, Subject: "accounts/" + a.Name, PersonCode: *a.PersonCode})
}

// accountChange is a change of an account.
type accountChange struct {
	before  Account
	version int64 // that the account must still have
	action  string
	columns map[string]any
}

// apply writes the columns and the trail, and returns the account afterwards.
func (c accountChange) apply(ctx context.Context, tx *gorm.DB) (Account, error) {
	before := c.before
	if err := database.UpdateVersioned(tx, &Account{Name: before.Name}, c.version, c.columns); err != nil {
		return Account{}, taken(err)
	}
	after, err := FindAccount(ctx, tx, before.Name)
	if err != nil {
		return Account{}, err
	}
	return after, audit.Write(ctx, tx, audit.Change{
		Town: deref(after.OnlyTown), Action: c.action, Subject: "accounts/" + after.Name, Before: before, After: after,
	})
}

// taken replaces the conflict of a unique key by one in words of accounts.
func taken(err error) error {
	var e *fault.Error
	if !errors.As(err, &e) || e.Kind != fault.KindConflict {
		return err
	}
	return fault.Conflict("already_exists", "已有同名账号，或该外部身份已关联其他账号",
		"another account has this name or this outside identity: choose another one").Because(err)
}

func checkName(name string) []fault.FieldError {
	if text.IsCode(name) && name == strings.ToLower(name) {
		return nil
	}
	return []fault.FieldError{fault.Field("/name", "bad_account_name",
		"账号须为 1–64 个小写字母、数字、点、横线或下划线，以字母或数字开头",
		"the name of an account is 1–64 lower-case letters, digits, dots, dashes or underscores and starts with a letter or digit")}
}

func checkAccount(a Account) (faults []fault.FieldError) {
	if (a.Issuer == nil) != (a.Subject == nil) {
		faults = append(faults, fault.Field("/subject", "issuer_and_subject", "外部身份的提供方（issuer）和标识（subject）须同时填写",
			"an outside identity needs both issuer and subject"))
	}
	if a.PersonCode != nil {
		if len(a.Roles) > 0 {
			faults = append(faults, fault.Field("/roles", "roles_of_the_person", "有人员的账号以该人员的任命为准，请勿另给角色",
				"an account of a person has the person's roles: leave roles out"))
		}
		if a.OnlyTown == nil {
			faults = append(faults, fault.Field("/town", "town_needed", "人员属于某个镇：请写明所属镇", "a person belongs to a town: name it"))
		}
		return faults
	}
	if len(a.Roles) == 0 {
		faults = append(faults, fault.Field("/roles", "roles_needed", "请给出角色或人员", "give roles or a person"))
	}
	for _, role := range a.Roles {
		switch {
		case policy.ReadIdentity.ScopeFor(role) == policy.None:
			faults = append(faults, fault.Field("/roles", "unknown_role", "没有角色“%s”", "there is no role %q", role))
		case role.WorksOnBranches():
			faults = append(faults, fault.Field("/person", "person_needed", "角色“%s”须写明人员",
				"the role %s works on branches: name the person", role.Name()))
		}
	}
	return faults
}

// checkOwner makes sure that town and person of the account are there, and that its name
// is nobody else's.
func checkOwner(ctx context.Context, tx *gorm.DB, a Account) error {
	if err := refusePersonsName(ctx, tx, a); err != nil {
		return err
	}
	if a.OnlyTown == nil {
		return nil
	}
	if _, err := town.Find(ctx, tx, *a.OnlyTown); err != nil {
		return fault.MissingAt(err, "/town", "unknown_town", text.F("没有镇（街道）“%s”", "there is no town %q", *a.OnlyTown))
	}
	if a.PersonCode == nil {
		return nil
	}
	return access.PersonExists(ctx, tx, *a.OnlyTown, *a.PersonCode)
}

// lockName makes others who take the name wait until tx ends, and refuses names that the
// program uses itself. Accounts and persons have one namespace, so that a name in the
// trail, or beside a decision, is that of one of them alone.
func lockName(ctx context.Context, tx *gorm.DB, name string) error {
	name = strings.ToLower(name)
	if name == "system" || strings.HasPrefix(name, "bw_") {
		return fault.Conflict("name_reserved", "“%s”由系统保留，请另取一个", "the name %q is reserved for the service: choose another one", name)
	}
	if database.Dialect(tx) == database.SQLite {
		return nil // it has one writer
	}
	return tx.WithContext(ctx).Exec("SELECT pg_advisory_xact_lock(hashtext(?))", "name/"+name).Error
}

// refusePersonsName refuses an account with the code of a person whom it does not stand
// for, in the towns that it opens.
func refusePersonsName(ctx context.Context, tx *gorm.DB, a Account) error {
	if err := lockName(ctx, tx, a.Name); err != nil {
		return err
	}
	q := tx.WithContext(ctx).Table("people").Where("LOWER(code) = ?", a.Name)
	if a.OnlyTown != nil {
		q = q.Where("town_id = ? AND code <> ?", *a.OnlyTown, deref(a.PersonCode))
	}
	var n int64
	if err := q.Count(&n).Error; err != nil || n == 0 {
		return err
	}
	return fault.Conflict("name_of_a_person",
		"“%s”是另一人员的代码，审计日志会因此记错人：请另取账号名，或将账号关联该人员",
		"%q is the code of another person, and the audit trail would confuse the two: choose another name, or link the account to that person",
		a.Name).With(fault.Field("/name", "taken", "已被使用：请另取一个", "it is taken: choose another"))
}

// RefuseAccountsName refuses the code of a new person that is the name of an account which
// opens the town. It holds the name until tx ends.
func RefuseAccountsName(ctx context.Context, tx *gorm.DB, townID, code string) (err error) {
	defer fault.Wrap(&err, "name %s", code)
	if err := lockName(ctx, tx, code); err != nil {
		return err
	}
	var n int64
	err = tx.WithContext(ctx).Model(&Account{}).
		Where("name = ? AND (only_town IS NULL OR only_town = ?)", strings.ToLower(code), townID).Count(&n).Error
	if err != nil || n == 0 {
		return err
	}
	return fault.Conflict("name_of_an_account",
		"已有账号名为“%s”，审计日志会混淆两者：请另取代码", "an account is called %q, and the audit trail would confuse the two: choose another code", code).
		With(fault.Field("/code", "taken", "已被使用：请另取一个", "it is taken: choose another"))
}

// errBadSignIn is the one refusal of a wrong password, a disabled account, one
// without a password and one that does not exist.
var errBadSignIn = fault.Unauthenticated("bad_sign_in",
	"账号或密码不对，或账号已停用；忘记密码请联系管理员",
	"the account or the password is wrong, or the account is disabled; ask an administrator for a new password")

// CheckPassword returns the account of name and password. All refusals read alike and
// cost the same work; with them the account is returned where there is one, for the log
// alone.
func CheckPassword(
	ctx context.Context, db *gorm.DB, passwords *Passwords, name, password string,
) (_ Account, err error) {
	defer fault.Wrap(&err, "check a password")
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

// ResetPassword sets and returns a random password of the account, which must be changed
// before anything else. It ends the sessions of the account.
func ResetPassword(
	ctx context.Context, db *gorm.DB, passwords *Passwords, name string, version int64,
) (Account, string, error) {
	password := randomPassword()
	a, err := SetPassword(ctx, db, passwords,
		NewPassword{Account: name, Password: password, MustChange: true, Version: version})
	if err != nil {
		return Account{}, "", err
	}
	return a, password, nil
}

// NewPassword is a password that an account gets from somebody else.
type NewPassword struct {
	Account    string
	Password   string
	MustChange bool  // before anything else
	Version    int64 // that the account must still have
}

// SetPassword replaces the password of an account and ends its sessions.
func SetPassword(ctx context.Context, db *gorm.DB, passwords *Passwords, n NewPassword) (a Account, err error) {
	defer fault.Wrap(&err, "password of %s", n.Account)
	hash, err := hashNew(ctx, passwords, n.Account, n.Password)
	if err != nil {
		return Account{}, err
	}
	err = database.InTx(ctx, db, func(tx *gorm.DB) error {
		if a, err = storePassword(ctx, tx, n, hash); err != nil {
			return err
		}
		return a.give(ctx, tx, "password") // whoever sets it could sign in by it
	})
	return a, err
}

// PasswordChange is a password that the owner of an account chooses.
type PasswordChange struct {
	Account  string
	Old, New string
	Session  string // secret of the session that stays
}

// ChangePassword replaces the caller's own password. All sessions of the account end but
// that of the change.
func ChangePassword(ctx context.Context, db *gorm.DB, passwords *Passwords, c PasswordChange) (_ Account, err error) {
	defer fault.Wrap(&err, "password of %s", c.Account)
	before, err := CheckPassword(ctx, db, passwords, c.Account, c.Old)
	if err != nil {
		return Account{}, wrongOld(err)
	}
	if c.Old == c.New {
		return Account{}, fault.Broken(fault.Field("/password", "unchanged", "新密码须与旧密码不同",
			"the new password is the old one: choose another"))
	}
	hash, err := hashNew(ctx, passwords, c.Account, c.New)
	if err != nil {
		return Account{}, err
	}
	var a Account
	err = database.InTx(ctx, db, func(tx *gorm.DB) error {
		if a, err = storePassword(ctx, tx, NewPassword{Account: c.Account, Version: before.Version}, hash); err != nil {
			return err
		}
		stays := tx.Model(&Session{}).Where("secret_hash = ? AND account_version = ?", digest(c.Session), before.Version)
		return stays.Update("account_version", a.Version).Error
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

func storePassword(ctx context.Context, tx *gorm.DB, n NewPassword, hash string) (Account, error) {
	before, err := FindAccount(ctx, tx, n.Account)
	if err != nil {
		return Account{}, err
	}
	columns := map[string]any{"password_hash": hash, "must_change": n.MustChange}
	return accountChange{before, n.Version, "account.password", columns}.apply(ctx, tx)
}

// wrongOld is not 401: the caller is known, and a page must not sign him or her out.
func wrongOld(err error) error {
	if !fault.Is(err, fault.KindUnauthenticated) {
		return err
	}
	return fault.Broken(fault.Field("/old", "wrong_password", "旧密码不对", "this is not the present password"))
}

// CheckLink returns an error if the account would be linked to an outside identity of
// another issuer than the provider of this installation ("" where there is none): nobody
// could sign in by it, and once the provider changes others could. A link that the account
// has already may stay.
func CheckLink(ctx context.Context, db *gorm.DB, a Account, issuer string) (err error) {
	defer fault.Wrap(&err, "link of account %s", a.Name)
	if a.Issuer == nil || a.Subject == nil || *a.Issuer == issuer && issuer != "" {
		return nil
	}
	before, err := FindAccount(ctx, db, a.Name)
	switch {
	case err != nil && !fault.Is(err, fault.KindNotFound):
		return err
	case err == nil && deref(before.Issuer) == *a.Issuer && deref(before.Subject) == *a.Subject:
		return nil
	case issuer == "":
		return fault.Broken(fault.Field("/issuer", "no_provider", "未设置外部身份提供方（BULWARK_OIDC_ISSUER），不能关联",
			"no identity provider is configured (BULWARK_OIDC_ISSUER): there is nothing to link"))
	}
	return fault.Broken(fault.Field("/issuer", "other_issuer", "只能关联所设置的身份提供方：%s",
		"only identities of the configured provider can be linked: %s", issuer))
}

// FindLinked returns the account that is linked to an outside identity; nobody gets an
// account by being known elsewhere. A disabled account is returned with the refusal, for
// the log alone.
func FindLinked(ctx context.Context, db *gorm.DB, issuer, subject string) (_ Account, err error) {
	defer fault.Wrap(&err, "account of an outside identity")
	var a Account
	err = db.WithContext(ctx).Where("issuer = ? AND subject = ?", issuer, subject).Take(&a).Error
	switch {
	case errors.Is(err, gorm.ErrRecordNotFound):
		return Account{}, fault.Forbidden("not_linked",
			"没有账号与外部身份“%s”关联：请联系管理员", "no account is linked to the identity %q: ask an administrator to link one", subject)
	case err != nil:
		return Account{}, err
	case a.DisabledAt != nil:
		return a, errBadSignIn
	}
	return a, nil
}
