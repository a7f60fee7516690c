package main

import (
	"context"
	"flag"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/credential"
	"bulwark/internal/policy"
	"bulwark/internal/text"
)

// manageKeys makes, lists and revokes keys on the database itself: a fresh
// installation has no key that could ask the service for one. The signing key is in a
// file and opens nothing.
func manageKeys(ctx context.Context, p program, args []string) error {
	f := flag.NewFlagSet("key", flag.ContinueOnError)
	f.Usage = func() {
		p.print(f.Output(), text.F("用法：bulwark key create|list|revoke|signing",
			"usage: bulwark key create|list|revoke|signing"))
	}
	if err := p.parseFirst(f, args); err != nil {
		return err
	}
	args = f.Args()
	if len(args) == 0 {
		args = []string{""}
	}
	switch args[0] {
	case "create":
		return createKey(ctx, p, args[1:])
	case "list":
		return listKeys(ctx, p, args[1:])
	case "revoke":
		return revokeKey(ctx, p, args[1:])
	case "signing":
		return signingKey(ctx, p, args[1:])
	}
	return usageError{text.F("请写明 create、list、revoke 或 signing", "name what to do: create, list, revoke or signing")}
}

// createKey prints the secret, alone on standard output, and keeps it nowhere.
func createKey(ctx context.Context, p program, args []string) error {
	f := flag.NewFlagSet("key create", flag.ContinueOnError)
	roles := f.String("role", "",
		"what the key may do: one or more, with commas, of reader, secretary, mentor, instructor, liaison_office, leading_group, leadership and admin")
	towns := f.String("town", "", "the towns that it opens, with commas; empty: every town")
	branches := f.String("branch", "", "the branches of its one town that it is limited to, with commas; empty: no limit")
	person := f.String("person", "", "code of the person who holds it")
	write := f.Bool("write", false, "let it change things; otherwise it only reads")
	days := f.Int("days", 0, "days until it expires; 0: never")
	if err := p.parse(f, args, 0); err != nil {
		return err
	}
	k := credential.Key{Towns: splitList(*towns), Branches: splitList(*branches), ReadOnly: !*write}
	for _, role := range splitList(*roles) {
		k.Roles = append(k.Roles, policy.Role(role))
	}
	if *person != "" {
		k.PersonCode = person
	}
	if *days != 0 {
		end := now().AddDate(0, 0, *days)
		k.ExpiresAt = &end
	}
	return onDatabase(ctx, p, func(ctx context.Context, db *gorm.DB) error {
		k, secret, err := credential.CreateKey(ctx, db, k)
		if err != nil {
			return err
		}
		p.print(p.err, text.F("密钥 %s 已建立，只显示这一次：", "made the key %s; it is shown this once:", k.Prefix))
		_, err = fmt.Fprintln(p.out, secret)
		return err
	})
}

// splitList returns the values of a flag with commas; an empty flag has none.
func splitList(flag string) []string {
	return strings.FieldsFunc(flag, func(r rune) bool { return r == ',' })
}

func listKeys(ctx context.Context, p program, args []string) error {
	if err := p.parse(flag.NewFlagSet("key list", flag.ContinueOnError), args, 0); err != nil {
		return err
	}
	return onDatabase(ctx, p, func(ctx context.Context, db *gorm.DB) error {
		keys, err := credential.ListKeys(ctx, db)
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "KEY\tROLES\tTOWNS\tBRANCHES\tPERSON\tREAD ONLY\tMADE\tLAST USED\tEXPIRES\tREVOKED")
		for _, k := range keys {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%t\t%s\t%s\t%s\t%s\n", k.Prefix, joined(k.Roles...), joined(k.Towns...),
				joined(k.Branches...),
				joined(named(k.PersonCode)...), k.ReadOnly, formatTime(&k.CreatedAt), formatTime(k.LastUsedAt),
				formatTime(k.ExpiresAt), formatTime(k.RevokedAt))
		}
		return w.Flush()
	})
}

// joined returns a list for one column of a table.
func joined[T ~string](list ...T) string {
	if len(list) == 0 {
		return "-"
	}
	words := make([]string, len(list))
	for i, v := range list {
		words[i] = string(v)
	}
	return strings.Join(words, ",")
}

// named returns the list of the one person, or of nobody.
func named(person *string) []string {
	if person == nil {
		return nil
	}
	return []string{*person}
}

func formatTime(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return t.UTC().Format(time.RFC3339)
}

func revokeKey(ctx context.Context, p program, args []string) error {
	f := flag.NewFlagSet("key revoke", flag.ContinueOnError)
	if err := p.parse(f, args, 1); err != nil {
		return err
	}
	if f.NArg() != 1 {
		return usageError{text.F("请写明密钥的前缀，见 bulwark key list", "name the key by its prefix: see bulwark key list")}
	}
	return onDatabase(ctx, p, func(ctx context.Context, db *gorm.DB) error {
		return credential.RevokeKey(ctx, db, f.Arg(0), 1) // a key has one version until it is revoked
	})
}
