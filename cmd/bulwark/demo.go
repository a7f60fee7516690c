package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gorm.io/gorm"

	"bulwark/internal/config"
	"bulwark/internal/database"
	"bulwark/internal/demo"
	"bulwark/internal/fault"
	"bulwark/internal/signature"
	"bulwark/internal/text"
)

// runDemo serves the demonstration towns on loopback only: the keys lie in a file. The
// database is a file beside them or the one of --database, and never one that the
// environment names, which may be set for the service.
func runDemo(ctx context.Context, p program, args []string) error {
	f := flag.NewFlagSet("demo", flag.ContinueOnError)
	data := f.String("data", "data", "directory of the database and the keys; made if missing")
	url := f.String("database", "", "another database, empty or of an earlier demo: sqlite:PATH or postgres://…")
	addr := f.String("addr", "127.0.0.1:8080", "address to listen on: loopback only")
	if err := p.parse(f, args, 0); err != nil {
		return err
	}
	if err := loopback(ctx, *addr); err != nil {
		return err
	}
	s := demoStore{
		url: *url, data: *data, keys: filepath.Join(*data, "demo-credentials.json"),
		confirmer: filepath.Join(*data, "demo-confirmer.json"),
	}
	if s.url == "" {
		s.url = "sqlite:" + filepath.Join(*data, "bulwark.db")
	}
	cfg, err := config.Load(append([]string{
		"BULWARK_DATABASE_URL=" + s.url, "BULWARK_ADDR=" + *addr, "BULWARK_LOG_LEVEL=WARN", "BULWARK_LOG_FORMAT=text",
		"BULWARK_SIGNING_KEY_FILE=" + filepath.Join(*data, "signing.key"),
		"BULWARK_EVIDENCE_DIR=" + filepath.Join(*data, "evidence"),
	}, p.withoutService()...))
	if err != nil {
		return err
	}
	ln, err := listen(ctx, "--addr", *addr) // before the seeding, so that an address in use is reported at once
	if err != nil {
		return err
	}
	log := logger(cfg, p.err)
	db, err := s.open(ctx, cfg, log)
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	unlock, err := lockServer(cfg, ln)
	if err != nil {
		return errors.Join(err, ln.Close(), database.Close(db))
	}
	if err := s.prepare(signature.With(ctx, signing(cfg)), p, db, cfg.SigningKeyFile); err != nil {
		return errors.Join(err, ln.Close(), database.Close(db), unlock())
	}
	p.printAddresses(reached(cfg, ln), s)
	return errors.Join(serveOn(ctx, ln, db, cfg, log), database.Close(db), unlock())
}

// ofTheService are settings that name where the service keeps what it cannot lose. Its
// anchors are among them: the chains of the demo would contradict those of the service.
// What the demo invents must not bear the signature of the service.
var ofTheService = []string{
	"BULWARK_DATABASE_URL", "BULWARK_DATABASE_PASSWORD_FILE", "BULWARK_MIGRATE_DATABASE_URL",
	"BULWARK_MIGRATE_DATABASE_PASSWORD_FILE", "BULWARK_AUDIT_ANCHORS", "BULWARK_SIGNING_KEY_FILE",
	"BULWARK_SIGNING_SM2_KEY_FILE", "BULWARK_REQUIRE_SIGNATURE", "BULWARK_EVIDENCE_DIR", "BULWARK_EVIDENCE_S3_URL",
	"BULWARK_EVIDENCE_S3_REGION", "BULWARK_EVIDENCE_S3_ACCESS_KEY", "BULWARK_EVIDENCE_S3_SECRET_FILE",
}

// withoutService returns the environment without these settings, and names in one line
// those that are set.
func (p program) withoutService() []string {
	var ignored []string
	env := slices.DeleteFunc(slices.Clone(p.env), func(setting string) bool {
		name, value, _ := strings.Cut(setting, "=")
		if !slices.Contains(ofTheService, name) {
			return false
		}
		if value != "" {
			ignored = append(ignored, name)
		}
		return true
	})
	if len(ignored) > 0 {
		p.print(p.err, text.F("演示忽略环境变量 %s；要使用其他数据库，请用 --database 指定",
			"the demo ignores %s of the environment: only --database names another database", strings.Join(ignored, ", ")))
	}
	return env
}

// demoStore is where a demo keeps its database and its credentials: one for each role,
// and, in a file of its own, those of who confirms what the leading group publishes.
type demoStore struct{ url, data, keys, confirmer string }

// open looks at the database before anything is written: what the demo did not make
// stays as it is. Only then are folder, file and schema made.
func (s demoStore) open(ctx context.Context, cfg config.Config, log *slog.Logger) (*gorm.DB, error) {
	options := databaseOptions(cfg, log)
	own, err := s.owned(ctx, options)
	if err != nil {
		return nil, err
	}
	if !own && s.hasKeys() {
		return nil, s.strangeKeys()
	}
	if err := os.MkdirAll(s.data, 0o700); err != nil {
		return nil, err
	}
	if err := database.Migrate(ctx, s.url, options); err != nil {
		return nil, err
	}
	return database.Open(ctx, s.url, options)
}

func (s demoStore) owned(ctx context.Context, options database.Options) (bool, error) {
	options.ReadOnly = true
	db, err := database.Open(ctx, s.url, options)
	if fault.Is(err, fault.KindNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	own, err := demo.Owned(ctx, db)
	return own, errors.Join(err, database.Close(db))
}

// prepare seeds a new database, and makes one key and account per role, and those of the
// confirmer, where there are none. The files with them get their names once they are
// stored; the next demo finds what was broken off before that under the first names.
func (s demoStore) prepare(ctx context.Context, p program, db *gorm.DB, signingKey string) error {
	p.print(p.out, text.F("正在准备演示数据……", "preparing the demo data …"))
	if _, err := os.Stat(signingKey); errors.Is(err, fs.ErrNotExist) {
		if _, err := signature.CreateKey(signingKey, signature.Ed25519, "bulwark-demo", demo.Start, signature.Keys{}); err != nil {
			return err
		}
	}
	if _, err := demo.Seed(ctx, db); err != nil {
		return err
	}
	made, err := demo.HasCredentials(ctx, db)
	if err != nil {
		return err
	}
	if !made {
		if s.hasKeys() {
			return s.strangeKeys()
		}
		if err := database.InTx(ctx, db, func(tx *gorm.DB) error { return s.writeKeys(ctx, tx) }); err != nil {
			return err
		}
	}
	for _, file := range []string{s.confirmer, s.keys} {
		if os.Rename(partial(file), file) != nil && !exists(file) {
			return s.lostKeys(file)
		}
	}
	return nil
}

// partial is the name of a file whose secrets may not be stored yet.
func partial(file string) string { return file + ".partial" }

// writeKeys makes the credentials and writes them into files with partial names.
func (s demoStore) writeKeys(ctx context.Context, tx *gorm.DB) error {
	for file, credentials := range map[string]func(context.Context, *gorm.DB) ([]demo.Credential, error){
		s.keys: demo.Credentials, s.confirmer: demo.ConfirmerCredentials,
	} {
		list, err := credentials(ctx, tx)
		if err != nil {
			return err
		}
		encoded, err := json.MarshalIndent(list, "", "  ") //nolint:gosec // this file is what the secrets are for
		if err != nil {
			return err
		}
		if err := os.WriteFile(partial(file), append(encoded, '\n'), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (s demoStore) hasKeys() bool { return exists(s.keys) }

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

// strangeKeys refuses to write over the keys of another demo, which nobody could read
// again.
func (s demoStore) strangeKeys() error {
	return fault.Conflict("demo_keys_strange",
		"文件 %s 属于另一个演示，未作任何改动：请用 --data 指定另一个文件夹；如果那个演示的数据库已不存在，请删除此文件",
		"the file %s belongs to another demo, and nothing was changed: name another folder with --data, "+
			"or delete the file if the database of that demo is gone", s.keys)
}

// lostKeys returns the refusal that names what to delete: the database holds hashes of the secrets only.
func (s demoStore) lostKeys(file string) error {
	path, ok := strings.CutPrefix(s.url, "sqlite:")
	if !ok {
		return fault.Conflict("demo_keys_lost",
			"文件 %s 已丢失，其中的密钥和密码无法从数据库找回：请删除 --database 指定的数据库并重新建立，然后再次启动演示",
			"the file %s is lost, and its keys and passwords cannot be read from the database: drop the database of --database, "+
				"create it anew and start the demo again", file)
	}
	return fault.Conflict("demo_keys_lost",
		"文件 %[1]s 已丢失，其中的密钥和密码无法从数据库找回：请删除 %[2]s、%[2]s-wal 和 %[2]s-shm，然后再次启动演示",
		"the file %[1]s is lost, and its keys and passwords cannot be read from the database: delete %[2]s, %[2]s-wal and "+
			"%[2]s-shm, and start the demo again", file, path)
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
				"演示只能在本机回环地址上运行，例如 127.0.0.1:8080",
				"the demo runs on loopback only, for example 127.0.0.1:8080: its keys are in a file")
		}
	}
	return nil
}

func (p program) printAddresses(url string, s demoStore) {
	ranking := url + "/api/v1/towns/demo/periods/2023Q2/ranking"
	p.print(p.out, text.F(`
bulwark 演示已就绪（演示镇的数据均为虚构；里水镇只有名录，没有分数）
  网页  %[1]s/
  接口文档  %[1]s/swagger/index.html
  已公布排名  curl -s %[2]s
  电子表格  curl -s '%[2]s?format=csv'
  各角色密钥和账号  %[3]s（请求头 Authorization: Bearer 密钥）
  确认公布的第二人  %[4]s
按 Ctrl+C 结束`, `
bulwark demo is ready (all data of the town "demo" are invented; Lishui has names only, no scores)
  pages              %[1]s/
  API document       %[1]s/swagger/index.html
  published ranking  curl -s %[2]s
  for a spreadsheet  curl -s '%[2]s?format=csv'
  keys and accounts  %[3]s (one of each per role; header Authorization: Bearer KEY)
  second person      %[4]s (confirms what is published)
Ctrl+C ends it`, url, ranking, s.keys, s.confirmer))
	fmt.Fprintln(p.out)
}
