package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"gorm.io/gorm"

	"bulwark/internal/config"
	"bulwark/internal/database"
	"bulwark/internal/demo"
	"bulwark/internal/fault"
	"bulwark/internal/text"
)

// runDemo serves two demonstration towns from an embedded database, on loopback
// only: the keys lie in a file beside it.
func runDemo(ctx context.Context, p program, args []string) error {
	f := flag.NewFlagSet("demo", flag.ContinueOnError)
	data := f.String("data", "data", "directory of the database and the keys; made if missing")
	addr := f.String("addr", "127.0.0.1:8080", "address to listen on: loopback only")
	if err := p.parse(f, args, 0); err != nil {
		return err
	}
	if err := loopback(ctx, *addr); err != nil {
		return err
	}
	if err := os.MkdirAll(*data, 0o700); err != nil {
		return err
	}
	cfg, err := config.Load(append([]string{
		"BULWARK_DATABASE_URL=sqlite:" + filepath.Join(*data, "bulwark.db"), "BULWARK_ADDR=" + *addr,
		"BULWARK_LOG_LEVEL=WARN", "BULWARK_LOG_FORMAT=text",
	}, p.env...))
	if err != nil {
		return err
	}
	ln, err := listen(ctx, "--addr", *addr) // before the seeding: an address in use is told at once
	if err != nil {
		return err
	}
	log := logger(cfg, p.err)
	if err := database.Migrate(ctx, cfg.DatabaseURL, databaseOptions(cfg, log)); err != nil {
		return errors.Join(err, ln.Close())
	}
	db, err := openMigrated(ctx, cfg, log, false)
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	keys := filepath.Join(*data, "demo-credentials.json")
	if err := prepare(ctx, p, db, keys); err != nil {
		return errors.Join(err, ln.Close(), database.Close(db))
	}
	p.welcome("http://"+ln.Addr().String(), keys)
	return errors.Join(serveOn(ctx, ln, db, cfg, log), database.Close(db))
}

// prepare seeds a new database and writes one key and account per role where no
// file has them.
func prepare(ctx context.Context, p program, db *gorm.DB, keys string) error {
	p.say(p.out, text.F("正在准备演示数据……", "preparing the demo data …"))
	if _, err := demo.Seed(ctx, db); err != nil {
		return err
	}
	if _, err := os.Stat(keys); err == nil {
		return nil
	}
	credentials, err := demo.Credentials(ctx, db)
	if err != nil {
		return err
	}
	encoded, err := json.MarshalIndent(credentials, "", "  ") //nolint:gosec // this file is what the secrets are for
	if err != nil {
		return err
	}
	return os.WriteFile(keys, append(encoded, '\n'), 0o600)
}

// loopback refuses an address that others could reach.
func loopback(ctx context.Context, addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return usageError{text.F("地址 %q 应为 主机:端口", "the address %q should be HOST:PORT", addr)}
	}
	ips, err := net.DefaultResolver.LookupIPAddr(ctx, host)
	if err != nil || len(ips) == 0 {
		return usageError{text.F("无法解析主机 %q", "the host %q is not known", host)}
	}
	for _, ip := range ips {
		if !ip.IP.IsLoopback() {
			return fault.Forbidden("not_loopback",
				"演示只能在本机回环地址上运行，例如 127.0.0.1:8080", "the demo runs on loopback only, for example 127.0.0.1:8080: its keys are in a file")
		}
	}
	return nil
}

func (p program) welcome(url, keys string) {
	ranking := url + "/api/v1/towns/demo/periods/2023Q2/ranking"
	p.say(p.out, text.F(`
bulwark 演示已就绪（演示镇的数据均为虚构；里水镇只有名录，没有分数）
  接口文档  %[1]s/swagger/index.html
  已公布排名  curl -s %[2]s
  电子表格  curl -s '%[2]s?format=csv'
  各角色密钥和账号  %[3]s（请求头 Authorization: Bearer 密钥）
按 Ctrl+C 结束`, `
bulwark demo is ready (all data of the town "demo" are invented; Lishui has names only, no scores)
  API document       %[1]s/swagger/index.html
  published ranking  curl -s %[2]s
  for a spreadsheet  curl -s '%[2]s?format=csv'
  keys and accounts  %[3]s (one of each per role; header Authorization: Bearer KEY)
Ctrl+C ends it`, url, ranking, keys))
	fmt.Fprintln(p.out)
}
