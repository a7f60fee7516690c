package demo

import (
	"cmp"
	"context"
	"crypto/rand"
	"strings"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/credential"
)

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
		a.Roles = []access.Role{c.Role}
	}
	a, err := credential.CreateAccount(ctx, db, a)
	if err == nil {
		_, err = credential.SetPassword(ctx, db, passwords,
			credential.NewPassword{Account: a.Name, Password: c.Password, Version: a.Version})
	}
	return err
}

func accountOf(role access.Role) string { return "demo-" + strings.ReplaceAll(string(role), "_", "-") }
