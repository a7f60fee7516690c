package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"strings"
	"text/tabwriter"

	"gorm.io/gorm"

	"bulwark/internal/audit"
	"bulwark/internal/config"
	"bulwark/internal/credential"
	"bulwark/internal/database"
	"bulwark/internal/fault"
	"bulwark/internal/policy"
	"bulwark/internal/text"
)

// manageUsers makes, lists and disables accounts and sets passwords on the
// database itself, for whoever is locked out of the service.
func manageUsers(ctx context.Context, p program, args []string) error {
	f := flag.NewFlagSet("user", flag.ContinueOnError)
	f.Usage = func() {
		p.print(f.Output(), text.F(
			"用法：bulwark user add|list|disable|password", "usage: bulwark user add|list|disable|password"))
	}
	if err := p.parseFirst(f, args); err != nil {
		return err
	}
	args = f.Args()
	if len(args) == 0 {
		args = []string{""}
	}
	switch args[0] {
	case "add":
		return addUser(ctx, p, args[1:])
	case "list":
		return listUsers(ctx, p, args[1:])
	case "disable":
		return disableUser(ctx, p, args[1:])
	case "password":
		return setUserPassword(ctx, p, args[1:])
	}
	return usageError{text.F("请写明 add、list、disable 或 password", "name what to do: add, list, disable or password")}
}

// oneAccount parses the flags of a subcommand that takes the name of one account.
func oneAccount(p program, f *flag.FlagSet, args []string) (string, error) {
	if err := p.parse(f, args, 1); err != nil {
		return "", err
	}
	if f.NArg() != 1 {
		return "", usageError{
			text.F("请在参数之后写明账号，见 bulwark user list", "name the account after the flags: see bulwark user list"),
		}
	}
	return f.Arg(0), nil
}

// onAccounts is onDatabase, recorded as this command.
func onAccounts(ctx context.Context, p program, command string, work func(context.Context, *gorm.DB) error) error {
	return onDatabase(ctx, p, func(ctx context.Context, db *gorm.DB) error {
		return work(audit.As(ctx, audit.Actor{Name: "bulwark " + command, Role: "command_line"}), db)
	})
}

func addUser(ctx context.Context, p program, args []string) error {
	f := flag.NewFlagSet("user add", flag.ContinueOnError)
	roles := f.String("role", "", "roles of an account without a person, separated by commas, such as admin")
	town := f.String("town", "", "the one town that it opens; empty: every town")
	person := f.String("person", "", "code of the person who signs in")
	stdin := f.Bool("stdin", false, "read the password from standard input instead of making one for one use")
	name, err := oneAccount(p, f, args)
	if err != nil {
		return err
	}
	a := credential.Account{Name: name, OnlyTown: optional(*town), PersonCode: optional(*person)}
	for _, role := range splitList(*roles) {
		a.Roles = append(a.Roles, policy.Role(role))
	}
	password, err := p.readPassword(*stdin)
	if err != nil {
		return err
	}
	return onAccounts(ctx, p, f.Name(), func(ctx context.Context, db *gorm.DB) error {
		var made string
		err := database.InTx(ctx, db, func(tx *gorm.DB) error { // no account without its password
			a, err := credential.CreateAccount(ctx, tx, a)
			if err == nil {
				made, err = setPassword(ctx, tx, a, password)
			}
			return err
		})
		return p.printPassword(name, made, err)
	})
}

// optional returns nil for an empty flag.
func optional(flag string) *string {
	if flag == "" {
		return nil
	}
	return &flag
}

func setUserPassword(ctx context.Context, p program, args []string) error {
	f := flag.NewFlagSet("user password", flag.ContinueOnError)
	stdin := f.Bool("stdin", false, "read the password from standard input instead of making one for one use")
	name, err := oneAccount(p, f, args)
	if err != nil {
		return err
	}
	password, err := p.readPassword(*stdin)
	if err != nil {
		return err
	}
	return onAccounts(ctx, p, f.Name(), func(ctx context.Context, db *gorm.DB) error {
		a, err := credential.FindAccount(ctx, db, name)
		if err != nil {
			return err
		}
		made, err := setPassword(ctx, db, a, password)
		return p.printPassword(name, made, err)
	})
}

// readPassword returns one line of standard input, or nil where a password is to be
// made. Arguments would show it to every user of the machine.
func (p program) readPassword(stdin bool) (*string, error) {
	if !stdin {
		return nil, nil
	}
	line, err := bufio.NewReader(p.in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	line = strings.TrimRight(line, "\r\n")
	return &line, nil
}

// setPassword sets the password, or makes one for one use and returns it.
func setPassword(ctx context.Context, db *gorm.DB, a credential.Account, password *string) (made string, err error) {
	passwords := credential.NewPasswords(credential.PasswordCost)
	if password != nil {
		_, err = credential.SetPassword(ctx, db, passwords,
			credential.NewPassword{Account: a.Name, Password: *password, Version: a.Version})
		return "", err
	}
	_, made, err = credential.ResetPassword(ctx, db, passwords, a.Name, a.Version)
	return made, err
}

// printPassword prints a password that was made, alone on standard output.
func (p program) printPassword(account, made string, err error) error {
	if err != nil || made == "" {
		return err
	}
	p.print(p.err, text.F(
		"账号 %s 的一次性密码，只显示这一次，登录后须更换：",
		"one-time password of the account %s, shown this once, to be changed after signing in:", account))
	_, err = fmt.Fprintln(p.out, made)
	return err
}

func listUsers(ctx context.Context, p program, args []string) error {
	f := flag.NewFlagSet("user list", flag.ContinueOnError)
	if err := p.parse(f, args, 0); err != nil {
		return err
	}
	return onAccounts(ctx, p, f.Name(), func(ctx context.Context, db *gorm.DB) error {
		w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "ACCOUNT\tTOWN\tPERSON\tROLES\tPASSWORD\tLINKED TO\tMADE\tDISABLED")
		for after := ""; ; {
			const most = 200
			accounts, err := credential.ListAccounts(ctx, db, after, most)
			if err != nil {
				return err
			}
			for _, a := range accounts {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", a.Name, joined(named(a.OnlyTown)...),
					joined(named(a.PersonCode)...), joined(a.Roles...), passwordOf(a), joined(named(a.Issuer)...),
					formatTime(&a.CreatedAt), formatTime(a.DisabledAt))
				after = a.Name
			}
			if len(accounts) < most {
				return w.Flush()
			}
		}
	})
}

func passwordOf(a credential.Account) string {
	switch {
	case a.PasswordHash == "":
		return "none"
	case a.MustChange:
		return "one-time"
	}
	return "set"
}

func disableUser(ctx context.Context, p program, args []string) error {
	f := flag.NewFlagSet("user disable", flag.ContinueOnError)
	name, err := oneAccount(p, f, args)
	if err != nil {
		return err
	}
	return onAccounts(ctx, p, f.Name(), func(ctx context.Context, db *gorm.DB) error {
		a, err := credential.FindAccount(ctx, db, name)
		if err == nil {
			_, err = credential.UpdateAccount(ctx, db, a, true, a.Version)
		}
		return err
	})
}

// printSetup prints one more token for making the first administrator.
func printSetup(ctx context.Context, p program, args []string) error {
	f := flag.NewFlagSet("setup", flag.ContinueOnError)
	if err := p.parse(f, args, 0); err != nil {
		return err
	}
	cfg, err := p.config()
	if err != nil {
		return err
	}
	return onAccounts(ctx, p, f.Name(), func(ctx context.Context, db *gorm.DB) error {
		token, err := credential.NewSetupToken(ctx, db)
		if err == nil {
			p.printToken(cfg.Link(""), token)
		}
		return err
	})
}

// offerSetup makes a token where nobody can administer the installation yet: there is no
// default password. It goes into a file that only its owner can read, because standard
// output ends in a journal that many read.
func (p program) offerSetup(ctx context.Context, cfg config.Config, ln net.Listener, db *gorm.DB) error {
	file := setupTokenFile(cfg)
	token, err := credential.NewSetupToken(ctx, db)
	if fault.Is(err, fault.KindNotFound) {
		_ = os.Remove(file) // of an earlier start: it is of no use any more
		return nil
	}
	if err != nil {
		return err
	}
	if err := writeSecret(file, token); err != nil {
		p.print(p.out, text.F("尚无管理员，且令牌文件 %s 无法写入（%v）：请以运行服务的用户执行 bulwark setup 取得令牌",
			"There is no administrator yet, and the file %s for the token cannot be written (%v): run bulwark setup as the user of the service, which prints one",
			file, err))
		return nil
	}
	p.print(p.out, text.F(`尚无管理员。设立令牌在文件 %[2]s 中（24 小时内有效，只能用一次；密码至少 12 个字符）：
  curl %[1]s/api/v1/setup -H 'Content-Type: application/json' -d '{"token": "'"$(cat '%[2]s')"'", "account": "admin", "password": "…"}'`,
		`There is no administrator yet. The token for making one is in the file %[2]s (for 24 hours and once; a password has at least 12 characters):
  curl %[1]s/api/v1/setup -H 'Content-Type: application/json' -d '{"token": "'"$(cat '%[2]s')"'", "account": "admin", "password": "…"}'`,
		reached(cfg, ln), file))
	return nil
}

// reached returns the address at which people reach a service that listens on ln.
func reached(cfg config.Config, ln net.Listener) string {
	cfg.Addr = ln.Addr().String() // the port may have been left to the system
	return cfg.Link("")
}

// setupTokenFile returns the path of the file for the token.
func setupTokenFile(cfg config.Config) string {
	if cfg.SetupTokenFile != "" {
		return cfg.SetupTokenFile
	}
	if path := database.SQLitePath(cfg.DatabaseURL); path != "" {
		return path + ".setup-token"
	}
	return "setup-token"
}

// writeSecret replaces the file: one that exists may be readable by others.
func writeSecret(name, secret string) error {
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	file, err := database.CreateFile(name, os.O_WRONLY|os.O_EXCL)
	if err != nil {
		return err
	}
	_, err = file.WriteString(secret + "\n")
	return errors.Join(err, file.Close())
}

func (p program) printToken(url, token string) {
	p.print(p.out, text.F(`尚无管理员。请在 24 小时内用此令牌设立（只能用一次；密码至少 12 个字符）：
  令牌  %[2]s
  curl %[1]s/api/v1/setup -H 'Content-Type: application/json' -d '{"token": "%[2]s", "account": "admin", "password": "…"}'
需要新令牌时运行 bulwark setup`, `There is no administrator yet. Make one with this token within 24 hours (it works once; a password has at least 12 characters):
  token  %[2]s
  curl %[1]s/api/v1/setup -H 'Content-Type: application/json' -d '{"token": "%[2]s", "account": "admin", "password": "…"}'
bulwark setup prints a new token`, url, token))
}
