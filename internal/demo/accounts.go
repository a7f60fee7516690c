package demo

import (
	"context"
	"crypto/rand"
	"strings"

	"gorm.io/gorm"

	"bulwark/internal/access"
)

// sign adds to the credential an account of the same person or role, with a
// random password that need not be changed.
func (c *Credential) sign(ctx context.Context, db *gorm.DB, passwords *access.Passwords) error {
	c.Account, c.Password = accountOf(c.Role), rand.Text()
	a := access.Account{Name: c.Account}
	if c.Town != "" {
		a.OnlyTown = &c.Town
	}
	if c.Person != "" {
		a.PersonCode = &c.Person
	} else {
		a.Roles = []access.Role{c.Role}
	}
	a, err := access.CreateAccount(ctx, db, a)
	if err == nil {
		_, err = access.SetPassword(ctx, db, passwords, access.NewPassword{Account: a.Name, Password: c.Password, Version: a.Version})
	}
	return err
}

func accountOf(role access.Role) string { return "demo-" + strings.ReplaceAll(string(role), "_", "-") }
