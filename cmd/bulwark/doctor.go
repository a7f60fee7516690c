package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/audit"
	"bulwark/internal/config"
	"bulwark/internal/database"
	"bulwark/internal/fault"
	"bulwark/internal/jobs"
	"bulwark/internal/text"
)

// diagnose checks an installation in one go and changes nothing in it. It ends with an
// error if something is wrong; warnings alone are none.
func diagnose(ctx context.Context, p program, args []string) error {
	f := flag.NewFlagSet("doctor", flag.ContinueOnError)
	asJSON := f.Bool("json", false, "print the findings as JSON")
	if err := p.parse(f, args, 0); err != nil {
		return err
	}
	d := diagnosis{p: p}
	d.all(ctx)
	if err := d.print(*asJSON); err != nil {
		return err
	}
	if d.count(findingError) > 0 {
		return printedError{errors.New("the doctor has found errors")}
	}
	return nil
}

// Levels of a finding.
const (
	findingOK      = "ok"
	findingWarning = "warning" // it works, but not as it should
	findingError   = "error"   // it does not work, or nobody could rely on it
)

// finding is the result of one check.
type finding struct {
	Check   string `json:"check"`
	Level   string `json:"level"`
	Message string `json:"message"`
}

// checksInChinese names the checks where people read.
var checksInChinese = map[string]string{
	"settings": "设置", "tls": "加密", "links": "链接", "read_only": "只读", "files": "文件", "disk": "磁盘", "server": "服务", "database": "数据库",
	"schema": "结构", "signing": "签名", "structure": "表和触发器", "roles": "角色", "clock": "时钟", "anchors": "锚点", "backup": "备份",
	"verify": "核对", "evidence": "佐证",
}

// diagnosis gathers findings.
type diagnosis struct {
	p        program
	cfg      config.Config
	db       *gorm.DB
	findings []finding
}

func (d *diagnosis) add(level, check, zh, en string, args ...any) {
	d.findings = append(d.findings, finding{check, level, text.F(zh, en, args...).In(d.p.language())})
}

func (d *diagnosis) ok(check, zh, en string, args ...any) { d.add(findingOK, check, zh, en, args...) }

func (d *diagnosis) warn(check, zh, en string, args ...any) {
	d.add(findingWarning, check, zh, en, args...)
}

func (d *diagnosis) fail(check, zh, en string, args ...any) {
	d.add(findingError, check, zh, en, args...)
}

// failed adds an error as a finding.
func (d *diagnosis) failed(check string, err error) {
	d.findings = append(d.findings, finding{check, findingError, d.p.message(err)})
}

func (d *diagnosis) count(level string) (n int) {
	for _, f := range d.findings {
		if f.Level == level {
			n++
		}
	}
	return n
}

func (d *diagnosis) print(asJSON bool) error {
	if asJSON {
		out := json.NewEncoder(d.p.out)
		out.SetIndent("", "  ")
		return out.Encode(struct {
			Version  string    `json:"version"`
			Errors   int       `json:"errors"`
			Warnings int       `json:"warnings"`
			Findings []finding `json:"findings"`
		}{version, d.count(findingError), d.count(findingWarning), d.findings})
	}
	names := map[string]text.Text{
		findingOK: text.F("正常", "ok"), findingWarning: text.F("警告", "WARNING"), findingError: text.F("错误", "ERROR"),
	}
	w := tabwriter.NewWriter(d.p.out, 0, 0, 2, ' ', 0)
	for _, f := range d.findings {
		check := text.Text{ZH: checksInChinese[f.Check], EN: f.Check}
		fmt.Fprintf(w, "%s\t%s\t%s\n", names[f.Level].In(d.p.language()), check.In(d.p.language()), f.Message)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	d.p.print(d.p.out, text.F("错误 %d 个，警告 %d 个", "errors: %d, warnings: %d", d.count(findingError),
		d.count(findingWarning)))
	return nil
}

// all runs every check. Those that need the database come last.
func (d *diagnosis) all(ctx context.Context) {
	cfg, err := d.p.config()
	var mistakes config.Mistakes
	if errors.As(err, &mistakes) {
		for _, m := range mistakes {
			d.fail("settings", "%s", "%s", m.In(d.p.language()))
		}
		return
	}
	d.cfg = cfg
	d.settings()
	d.signing()
	d.files()
	d.space()
	d.evidence(ctx)
	d.server(ctx)
	options := databaseOptions(cfg, logger(cfg, io.Discard))
	options.QueryOnly = true
	if d.db, err = database.Open(ctx, cfg.DatabaseURL, options); err != nil {
		d.failed("database", err)
		return
	}
	defer database.Close(d.db)
	if !d.schema(ctx) {
		return
	}
	for check, run := range map[string]func(context.Context) error{
		"structure": d.structure, "roles": d.roles, "clock": d.clock, "anchors": d.anchors, "maintenance": d.maintenance,
	} {
		if err := run(ctx); err != nil {
			d.failed(check, err)
		}
	}
	slices.SortStableFunc(d.findings, func(a, b finding) int { return strings.Compare(a.Check, b.Check) })
}

func (d *diagnosis) settings() {
	set := 0
	for _, s := range d.cfg.Settings(d.p.env) {
		if s.Origin != "default" {
			set++
		}
	}
	d.ok("settings", "有效；%d 项来自环境变量，其余为默认值（bulwark config 逐项列出）",
		"valid; %d come from the environment, the others are defaults: bulwark config lists them", set)
	if d.p.getenv("BULWARK_DATABASE_URL") == "" {
		d.warn("settings", "未设置 BULWARK_DATABASE_URL，使用当前文件夹中的 bulwark.db",
			"BULWARK_DATABASE_URL is not set: bulwark.db in the current folder is used")
	}
	switch {
	case d.cfg.Public() && !d.cfg.BehindTLS:
		d.warn("tls", "其他机器可以访问 %s，但未声明前面有 HTTPS 代理：密码和密钥在途中可被读取。请只监听 127.0.0.1，并设置 BULWARK_BEHIND_TLS=true",
			"other machines can reach %s, and no HTTPS proxy is configured: passwords and keys can be read on the way. "+
				"Listen on 127.0.0.1 behind a proxy, and set BULWARK_BEHIND_TLS=true", d.cfg.Addr)
	case d.cfg.BehindTLS && len(d.cfg.TrustedProxies) == 0:
		d.warn("tls", "前面有 HTTPS 代理，但未设置 BULWARK_TRUSTED_PROXIES：所有人会被算作同一个来源地址，共用登录和请求的限额",
			"a proxy is in front, but BULWARK_TRUSTED_PROXIES is not set: all callers count as one address and share its limits for requests and sign-ins")
	default:
		d.ok("tls", "监听 %s；前面有 HTTPS 代理：%v", "listens on %s; a proxy with HTTPS in front: %v", d.cfg.Addr, d.cfg.BehindTLS)
	}
	d.links()
	if d.cfg.ReadOnly {
		d.warn("read_only", "处于只读模式：一切更改都会被拒绝", "read-only mode is on: every change is refused")
	}
}

// links checks the address at which people reach the service.
func (d *diagnosis) links() {
	switch at := d.cfg.Link(""); {
	case d.cfg.PublicURL == "" && (d.cfg.Public() || d.cfg.BehindTLS):
		d.warn("links", "未设置 BULWARK_PUBLIC_URL：服务发出的链接会指向 %s，其他机器打不开",
			"BULWARK_PUBLIC_URL is not set: links that the service hands out lead to %s, where others do not reach it", at)
	case d.cfg.PlainLinks():
		d.warn("links", "BULWARK_PUBLIC_URL=%s 不是 https 网址：经由这些链接输入的密码在途中可被读取",
			"BULWARK_PUBLIC_URL=%s is no https address: passwords of who follows a link would be readable on the way", at)
	case strings.HasPrefix(at, "https:") && !d.cfg.BehindTLS:
		d.warn("links", "BULWARK_PUBLIC_URL 是 https 网址，但未设置 BULWARK_BEHIND_TLS=true：登录凭据会不受保护地发送",
			"BULWARK_PUBLIC_URL is an https address, but BULWARK_BEHIND_TLS=true is not set: cookies would not be secure")
	default:
		d.ok("links", "服务发出的链接指向 %s", "links that the service hands out lead to %s", at)
	}
}

// signing looks for the key that signs publications and heads of the trails.
func (d *diagnosis) signing() {
	settings := signing(d.cfg)
	switch err := settings.Check(); {
	case err != nil:
		d.failed("signing", err)
	case settings.Signer == nil && settings.Required:
		d.fail("signing", "设置要求签名，但没有签名密钥：请运行 bulwark key signing，并设置 BULWARK_SIGNING_KEY_FILE",
			"a signature is required, but there is no key: run bulwark key signing and set BULWARK_SIGNING_KEY_FILE")
	case settings.Signer == nil:
		d.warn("signing", "没有签名密钥，公布的结果不带签名：请运行 bulwark key signing，并设置 BULWARK_SIGNING_KEY_FILE",
			"there is no signing key, what is published is unsigned: run bulwark key signing and set BULWARK_SIGNING_KEY_FILE")
	default:
		d.ok("signing", "签名密钥可用：%s", "the signing key can be used: %s", d.cfg.SigningKeyFile)
	}
}

// othersMayRead are the bits of a mode that let others than the owner in.
const othersMayRead = fs.FileMode(0o077)

// files checks owner and mode of what the service keeps on this machine.
func (d *diagnosis) files() {
	var names []string
	if path := database.SQLitePath(d.cfg.DatabaseURL); path != "" {
		names = append(names, path, path+"-wal", path+"-shm", path+".lock", path+".server")
	}
	names = append(names, setupTokenFile(d.cfg))
	for _, name := range []string{d.cfg.AuditAnchors, d.cfg.SigningKeyFile, d.cfg.SigningSM2KeyFile} {
		if name != "" {
			names = append(names, name)
		}
	}
	good := 0
	for _, name := range names {
		info, err := os.Stat(name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			d.fail("files", "无法查看 %s：%v", "%s cannot be examined: %v", name, err)
			continue
		}
		folder, err := os.Stat(filepath.Dir(name))
		if err != nil {
			d.failed("files", err)
			continue
		}
		owner, known := database.Owner(info)
		above, _ := database.Owner(folder)
		switch {
		case known && info.Mode()&othersMayRead != 0:
			d.warn("files", "%[1]s 的权限为 %[2]o，其他用户可以访问：chmod 600 %[1]s",
				"%[1]s has the mode %[2]o, others can access it: chmod 600 %[1]s", name, info.Mode().Perm())
		case known && owner != above:
			d.warn("files", "%[1]s 属于用户 %[2]d，而所在文件夹属于用户 %[3]d：服务可能无法写入，chown --reference=%[4]s %[1]s",
				"%[1]s belongs to the user %[2]d, its folder to %[3]d: the service may not be able to write it, chown --reference=%[4]s %[1]s",
				name, owner, above, filepath.Dir(name))
		default:
			good++
		}
	}
	if good > 0 {
		d.ok("files", "%d 个文件的所有者和权限正确", "%d files have the right owner and mode", good)
	}
}

const (
	littleSpace = 1 << 30   // bytes: time to look
	noSpace     = 100 << 20 // bytes: it will not last a day
)

// space checks the disks of what the service writes on this machine.
func (d *diagnosis) space() {
	var folders []string
	for _, name := range []string{database.SQLitePath(d.cfg.DatabaseURL), d.cfg.AuditAnchors} {
		if name != "" && !slices.Contains(folders, filepath.Dir(name)) {
			folders = append(folders, filepath.Dir(name))
		}
	}
	for _, folder := range folders {
		free, size, err := database.DiskSpace(folder)
		if err != nil {
			d.fail("disk", "无法查看 %s 所在的磁盘：%v", "the disk of %s cannot be examined: %v", folder, err)
			continue
		}
		level := findingOK
		switch {
		case free < noSpace:
			level = findingError
		case free < littleSpace:
			level = findingWarning
		}
		d.add(level, "disk", "%[1]s：可用 %[2]d MiB，共 %[3]d MiB", "%[1]s: %[2]d MiB free of %[3]d MiB", folder,
			free>>20, size>>20)
	}
}

// server asks the service whether it is ready. That none runs is no mistake.
func (d *diagnosis) server(ctx context.Context) {
	url := readyURL(d.cfg.Addr)
	status, answer, err := askReady(ctx, url, 2*time.Second)
	switch {
	case err != nil:
		d.ok("server", "%s 没有服务在运行", "no server answers at %s", url)
	case status != http.StatusOK:
		d.fail("server", "%s 未就绪（%s）", "%s is not ready: %s", url, answer.Code)
	case answer.Trail == "differs":
		d.fail("server", "%s 已就绪，但审计链与锚点不符：请运行 bulwark verify",
			"%s is ready, but an audit trail differs from its anchors: run bulwark verify", url)
	case answer.Disk == "full":
		d.fail("server", "%s 已就绪，但数据库的磁盘已满", "%s is ready, but the disk of the database is full", url)
	case answer.Version != version:
		d.warn("server", "%[1]s 运行的是 bulwark %[2]s，本程序是 %[3]s", "%[1]s runs bulwark %[2]s, this program is %[3]s", url,
			answer.Version, version)
	default:
		d.ok("server", "%s 已就绪", "%s is ready", url)
	}
}

// schema reports whether the schema is that of this program; the other checks need that.
func (d *diagnosis) schema(ctx context.Context) bool {
	have, want, err := database.Version(ctx, d.db)
	pending, later := false, err
	if err == nil {
		pending, later = database.Pending(ctx, d.db)
	}
	switch {
	case later != nil:
		d.failed("schema", later)
	case pending:
		d.fail("schema", "版本为 %d，本程序需要 %d：请先备份，再运行 bulwark migrate",
			"version %d, this program needs %d: back up, then run bulwark migrate", have, want)
	default:
		d.ok("schema", "版本 %d，没有待执行的迁移", "version %d, no migration is pending", have)
	}
	return later == nil && !pending
}

// mostDifferences is how many differences the doctor names; verify names all.
const mostDifferences = 5

// structure compares tables, constraints and triggers with those that the program makes.
func (d *diagnosis) structure(ctx context.Context) error {
	differences, err := database.VerifySchema(ctx, d.db)
	if err != nil {
		return err
	}
	for _, difference := range differences[:min(len(differences), mostDifferences)] {
		d.findings = append(d.findings, finding{"structure", findingError, difference.Message().In(d.p.language())})
	}
	if len(differences) > 0 {
		d.fail("structure", "共有 %d 处与程序建立的结构不符：请运行 bulwark verify，并查明是谁更改的",
			"%d differences from the structure that the program makes: run bulwark verify, and find out who made them",
			len(differences))
		return nil
	}
	d.ok("structure", "表、约束和触发器都与程序建立的一致", "tables, constraints and triggers are as the program makes them")
	return nil
}

// roles looks at what the role of the service could do past the triggers.
func (d *diagnosis) roles(ctx context.Context) error {
	if database.Dialect(d.db) == database.SQLite {
		d.ok("roles", "SQLite 没有数据库角色：能写文件的人就能改动一切", "SQLite has no roles: whoever can write the file can change everything")
		return nil
	}
	can, err := database.PowersOf(ctx, d.db)
	switch {
	case err != nil:
		return err
	case can.Superuser:
		d.warn("roles", "角色 %q 是超级用户：请用权限较小的角色运行服务", "the role %q is a superuser: run the service as a lesser one", can.Role)
	case can.Owns:
		d.warn("roles", "角色 %q 拥有数据表，可以删除触发器：更稳妥的做法是由另一个角色执行 migrate（BULWARK_MIGRATE_DATABASE_URL）",
			"the role %q owns the tables and could drop their triggers: safer is another role for migrate (BULWARK_MIGRATE_DATABASE_URL)",
			can.Role)
	case !can.Lesser():
		d.warn("roles", "角色 %[1]q 可以更改不可变的表或数据库结构，多余的权限为：%[2]s",
			"the role %[1]q may change immutable tables or the schema; its excess rights: %[2]s", can.Role,
			strings.Join(can.Excess, ", "))
	default:
		d.ok("roles", "角色 %q 不拥有数据表，也不能更改不可变的表",
			"the role %q neither owns the tables nor may change immutable ones", can.Role)
	}
	return nil
}

// clockSlack is how far clocks may be apart.
const clockSlack = 5 * time.Second

// clock compares the clock with that of the database, and with the newest record: one from
// the future was written before the clock was set back.
func (d *diagnosis) clock(ctx context.Context) error {
	here := now()
	if database.Dialect(d.db) == database.PostgreSQL {
		var there time.Time
		if err := d.db.WithContext(ctx).Raw("SELECT clock_timestamp()").Scan(&there).Error; err != nil {
			return err
		}
		if apart := here.Sub(there); apart.Abs() > clockSlack {
			d.warn("clock", "与数据库的时钟相差 %s：请同步两台机器的时间", "it differs by %s from the clock of the database: synchronise both machines",
				apart.Round(time.Second))
			return nil
		}
	}
	newest, err := audit.Newest(ctx, d.db)
	if err != nil {
		return err
	}
	if ahead := newest.Sub(here); ahead > clockSlack {
		d.fail("clock", "最新的审计记录（%[1]s）比现在晚 %[2]s：时钟被调慢过，或当时调快过",
			"the newest audit record, of %[1]s, is %[2]s ahead of now: the clock was set back, or was ahead then",
			newest.Format(time.RFC3339), ahead.Round(time.Second))
		return nil
	}
	d.ok("clock", "%s，与数据库一致", "%s, the same as in the database", here.Format(time.RFC3339))
	return nil
}

// anchoredWithin is how soon a service that runs anchors a new record.
const anchoredWithin = 5 * time.Minute

// anchors looks whether the file follows the trails.
func (d *diagnosis) anchors(ctx context.Context) error {
	if d.cfg.AuditAnchors == "" {
		d.warn("anchors", "未设置 BULWARK_AUDIT_ANCHORS：审计链尾部若被整段改写，无法发现",
			"BULWARK_AUDIT_ANCHORS is not set: a trail whose end is rewritten would not be detected")
		return nil
	}
	state, err := audit.StateOfAnchors(ctx, d.db, d.cfg.AuditAnchors)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		d.warn("anchors", "锚点文件 %s 还不存在：服务启动后会建立",
			"the file of anchors %s is not there yet: the service creates it at its start", d.cfg.AuditAnchors)
	case err != nil:
		return err
	case len(state.Differing) > 0:
		d.fail("anchors", "有 %d 条审计链与锚点不符：请运行 bulwark verify",
			"%d audit trails differ from their anchors: run bulwark verify", len(state.Differing))
	case state.Behind > 0 && now().Sub(state.Since) > anchoredWithin:
		d.warn("anchors", "有 %[1]d 条审计链自 %[2]s 以来没有新的锚点：服务是否以同一个 BULWARK_AUDIT_ANCHORS 运行？",
			"%[1]d audit trails have had no new anchor since %[2]s: does the service run, with the same BULWARK_AUDIT_ANCHORS?",
			state.Behind, state.Since.Format(time.RFC3339))
	default:
		d.ok("anchors", "%[1]s：%[2]d 个锚点，最后一个于 %[3]s", "%[1]s: %[2]d anchors, the last one of %[3]s", d.cfg.AuditAnchors,
			state.Anchors, state.Last.Format(time.RFC3339))
	}
	return nil
}

// maintainedWithin is how old the last backup and verification may be: a day, and some
// hours for one that takes long.
const maintainedWithin = 30 * time.Hour

func (d *diagnosis) maintenance(ctx context.Context) error {
	last, err := jobs.LastMaintenance(ctx, d.db)
	if err != nil {
		return err
	}
	for _, t := range []struct {
		name string
		what text.Text
	}{{jobs.BackupTask, text.F("备份", "backup")}, {jobs.VerifyTask, text.F("核对", "verification")}} {
		what, m := t.what.In(d.p.language()), last[t.name]
		switch {
		case !m.At.IsZero() && !m.OK():
			d.fail(t.name, "%[2]s 的%[1]s失败：%[3]s", "the %[1]s of %[2]s failed: %[3]s", what, m.At.Format(time.RFC3339), m.Detail)
		case m.SucceededAt == nil:
			d.warn(t.name, "从未成功%s：请启用 deployments 中的定时任务", "there was no %s yet: enable the timer in deployments", what)
		case now().Sub(*m.SucceededAt) > maintainedWithin:
			d.warn(t.name, "上次%[1]s是 %[2]s，已超过 30 小时", "the last %[1]s is of %[2]s, more than 30 hours ago", what,
				m.SucceededAt.Format(time.RFC3339))
		default:
			d.ok(t.name, "上次%[1]s于 %[2]s", "the last %[1]s is of %[2]s", what, m.SucceededAt.Format(time.RFC3339))
		}
	}
	return nil
}

// printConfig prints the settings in force, without secrets.
func printConfig(_ context.Context, p program, args []string) error {
	f := flag.NewFlagSet("config", flag.ContinueOnError)
	asJSON := f.Bool("json", false, "print the settings as JSON")
	if err := p.parse(f, args, 0); err != nil {
		return err
	}
	cfg, err := p.config()
	if err != nil {
		return err
	}
	settings := cfg.Settings(p.env)
	if *asJSON {
		out := json.NewEncoder(p.out)
		out.SetIndent("", "  ")
		return out.Encode(settings)
	}
	origins := map[string]text.Text{"default": text.F("默认", "default"), "environment": text.F("环境变量", "environment")}
	w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	for _, s := range settings {
		fmt.Fprintf(w, "%s\t%s\t%s\n", s.Name, origins[s.Origin].In(p.language()), s.Value)
	}
	return w.Flush()
}

// checkHealth asks /readyz of the configured address. It ends with an error unless the
// service is ready.
func checkHealth(ctx context.Context, p program, args []string) error {
	f := flag.NewFlagSet("health", flag.ContinueOnError)
	patience := f.Duration("timeout", 5*time.Second, "how long to wait for the answer")
	if err := p.parse(f, args, 0); err != nil {
		return err
	}
	cfg, err := p.config()
	if err != nil {
		return err
	}
	url := readyURL(cfg.Addr)
	status, answer, err := askReady(ctx, url, *patience)
	switch {
	case err != nil:
		return fault.Unavailable("no_server", "%s 没有回答", "no answer from %s", url).Because(err)
	case status != http.StatusOK:
		return fault.Unavailable("not_ready", "服务未就绪（%[1]s）：%[2]s", "the service is not ready (%[1]s): %[2]s", answer.Code,
			answer.Detail)
	}
	p.print(p.out, text.F("已就绪，bulwark %s", "ready, bulwark %s", answer.Version))
	if answer.Trail == "differs" {
		p.print(p.out, text.F("审计链与锚点不符：请运行 bulwark verify", "an audit trail differs from its anchors: run bulwark verify"))
	}
	if answer.Disk == "full" {
		p.print(p.out, text.F("数据库的磁盘已满", "the disk of the database is full"))
	}
	return nil
}

// readyURL returns the address of /readyz on this machine.
func readyURL(addr string) string {
	host, port, _ := net.SplitHostPort(addr) // the settings were checked
	switch ip := net.ParseIP(host); {
	case host == "", ip != nil && ip.IsUnspecified() && ip.To4() != nil:
		host = "127.0.0.1"
	case ip != nil && ip.IsUnspecified():
		host = "::1"
	}
	return "http://" + net.JoinHostPort(host, port) + "/readyz"
}

// readyAnswer is what /readyz returns: its state, or the problem.
type readyAnswer struct{ Version, Trail, Disk, Code, Detail string }

func askReady(ctx context.Context, url string, patience time.Duration) (status int, answer readyAnswer, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, answer, err
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // of no proxy: it is this machine
	res, err := client.Do(req)
	if err != nil {
		return 0, answer, err
	}
	defer res.Body.Close()
	const most = 1 << 16
	body, err := io.ReadAll(io.LimitReader(res.Body, most))
	if err != nil {
		return 0, answer, err
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return 0, answer, fmt.Errorf("it is no bulwark: %w", err)
	}
	return res.StatusCode, answer, nil
}
