package main

import (
	"context"
	"flag"
	"net"

	"gorm.io/gorm"

	"bulwark/internal/config"
	"bulwark/internal/credential"
	"bulwark/internal/fault"
	"bulwark/internal/text"
)

// printSetup prints one more token for making the first administrator.
func printSetup(ctx context.Context, p program, args []string) error {
	f := flag.NewFlagSet("setup", flag.ContinueOnError)
	if err := p.parse(f, args, 0); err != nil {
		return err
	}
	cfg, err := config.Load(p.env)
	if err != nil {
		return err
	}
	return onAccounts(ctx, p, f.Name(), func(ctx context.Context, db *gorm.DB) error {
		token, err := credential.NewSetupToken(ctx, db)
		if err == nil {
			p.tellSetup("http://"+cfg.Addr, token)
		}
		return err
	})
}

// offerSetup prints a token where nobody can administer the installation yet:
// there is no default password. It goes to standard output alone, because logs
// are read by many.
func (p program) offerSetup(ctx context.Context, ln net.Listener, db *gorm.DB) error {
	token, err := credential.NewSetupToken(ctx, db)
	if fault.Is(err, fault.KindNotFound) {
		return nil
	}
	if err == nil {
		p.tellSetup("http://"+ln.Addr().String(), token)
	}
	return err
}

func (p program) tellSetup(url, token string) {
	p.say(p.out, text.F(`尚无管理员。请在 24 小时内用此令牌设立（只能用一次；密码至少 12 个字符）：
  令牌  %[2]s
  curl %[1]s/api/v1/setup -H 'Content-Type: application/json' -d '{"token": "%[2]s", "account": "admin", "password": "…"}'
需要新令牌时运行 bulwark setup`, `There is no administrator yet. Make one with this token within 24 hours (it works once; a password has at least 12 characters):
  token  %[2]s
  curl %[1]s/api/v1/setup -H 'Content-Type: application/json' -d '{"token": "%[2]s", "account": "admin", "password": "…"}'
bulwark setup prints a new token`, url, token))
}
