package demo

import (
	"cmp"
	"context"
	"crypto/rand"
	"strings"

	"gorm.io/gorm"

	"bulwark/internal/credential"
	"bulwark/internal/fault"
	"bulwark/internal/policy"
)

// Credential is one key of the demo and the account of the same role, to be
// written where only its owner reads it.
type Credential struct {
	Role     policy.Role `json:"role"`
	Town     string      `json:"town,omitempty"`
	Person   string      `json:"person,omitempty"`
	Key      string      `json:"key"`
	Account  string      `json:"account"`
	Password string      `json:"password"`
}

// HasCredentials reports whether Credentials has been called on the database.
func HasCredentials(ctx context.Context, db *gorm.DB) (bool, error) {
	_, err := credential.FindAccount(ctx, db, accountOf(policy.Admin))
	if fault.Is(err, fault.KindNotFound) {
		return false, nil
	}
	return err == nil, err
}

// Credentials makes one key and one account per role in a database of the demo, and
// refuses any other. Secrets are random: they differ between machines, as secrets must.
func Credentials(ctx context.Context, db *gorm.DB) ([]Credential, error) {
	return makeCredentials(ctx, db, []Credential{
		{Role: policy.Reader, Town: Town},
		{Role: policy.Secretary, Town: Town, Person: "secretary-1"},
		{Role: policy.Mentor, Town: Town, Person: "mentor-1"},
		{Role: policy.Instructor, Town: Town, Person: "instructor-1"},
		{Role: policy.Office, Town: Town, Person: "office-1"},
		{Role: policy.LeadingGroup, Town: Town, Person: "group-1"},
		{Role: policy.Leadership, Town: Town, Person: "leader-1"},
		{Role: policy.Admin},
	})
}

// ConfirmerCredentials makes a key and an account of the second member of the leading
// group, who confirms what the first one proposes to publish, in a database of the demo.
func ConfirmerCredentials(ctx context.Context, db *gorm.DB) ([]Credential, error) {
	return makeCredentials(ctx, db, []Credential{
		{Role: policy.LeadingGroup, Town: Town, Person: "group-2", Account: "demo-confirmer"},
	})
}

func makeCredentials(ctx context.Context, db *gorm.DB, wanted []Credential) (list []Credential, err error) {
	defer fault.Wrap(&err, "credentials of the demo")
	switch own, err := Owned(ctx, db); {
	case err != nil:
		return nil, err
	case !own:
		return nil, notOurs()
	}
	passwords := credential.NewPasswords(credential.PasswordCost)
	for _, c := range wanted {
		k := credential.Key{Roles: []policy.Role{c.Role}, ReadOnly: c.Role == policy.Reader || c.Role == policy.Leadership}
		if c.Town != "" {
			k.Towns = []string{c.Town}
		}
		if c.Person != "" {
			k.PersonCode = &c.Person
		}
		_, secret, err := credential.CreateKey(ctx, db, k)
		if err != nil {
			return nil, err
		}
		c.Key = secret
		if err := c.addAccount(ctx, db, passwords); err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	return list, nil
}

// addAccount creates an account of the same person or role, with a random password that
// need not be changed, and sets both in the credential.
func (c *Credential) addAccount(ctx context.Context, db *gorm.DB, passwords *credential.Passwords) error {
	c.Account, c.Password = cmp.Or(c.Account, accountOf(c.Role)), rand.Text()
	a := credential.Account{Name: c.Account}
	if c.Town != "" {
		a.OnlyTown = &c.Town
	}
	if c.Person != "" {
		a.PersonCode = &c.Person
	} else {
		a.Roles = []policy.Role{c.Role}
	}
	a, err := credential.CreateAccount(ctx, db, a)
	if err == nil {
		_, err = credential.SetPassword(ctx, db, passwords,
			credential.NewPassword{Account: a.Name, Password: c.Password, Version: a.Version})
	}
	return err
}

func accountOf(role policy.Role) string { return "demo-" + strings.ReplaceAll(string(role), "_", "-") }
